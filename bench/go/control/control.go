// Package control connects a server with the benchmark that started it: see bench/servers/control.mjs.
package control

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime/debug"
)

// Listen opens a free port of the loopback interface.
func Listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return listener
}

// Announce tells the benchmark the port, obeys it, and ends the process when the benchmark is gone.
func Announce(listener net.Listener) {
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		commands := bufio.NewScanner(os.Stdin)
		for commands.Scan() {
			debug.FreeOSMemory()
			fmt.Println("{\"done\":true}")
		}
		os.Exit(0)
	}()
}
