/**
 * The canonical form of a request's `content-type`: what endpoints and protocols are looked up by.
 *
 * Spec: RFC 9110, section 8.3.1 (type and parameters without regard to case, optional whitespace).
 */

/**
 * @returns Type and subtype in lower case, without parameters. `undefined` when the header is missing, and for
 * a JSON type in another charset than UTF-8: nobody here could read it (RFC 8259, section 8.1).
 */
export function canonicalContentType(header: string | undefined): string | undefined {
  if (header === undefined) {
    return undefined;
  }
  const [type = '', ...parameters] = header.split(';');
  const canonical = type.trim().toLowerCase();
  return isJson(canonical) && parameters.some(namesForeignCharset) ? undefined : canonical;
}

function isJson(type: string): boolean {
  return type.endsWith('/json') || type.endsWith('+json');
}

function namesForeignCharset(parameter: string): boolean {
  const match = /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/i.exec(parameter);
  return match !== null && match[1]?.toLowerCase() !== 'utf-8';
}
