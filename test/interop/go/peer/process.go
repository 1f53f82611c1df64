package peer

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
)

// Start opens a free port of the loopback interface, for TLS when -cert and -key name its files, tells the test the
// port, and ends the process when the test is gone.
func Start() (net.Listener, *tls.Config) {
	cert := flag.String("cert", "", "file of the certificate")
	key := flag.String("key", "", "file of its key")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	exitOn(err)
	config := tlsConfig(*cert, *key)
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return listener, config
}

// Nil means clear text.
func tlsConfig(cert, key string) *tls.Config {
	if cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	exitOn(err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
