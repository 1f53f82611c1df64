/**
 * Names of the page's own library that the types of `playwright-core` mention, and Node's do not have. Nothing here
 * uses them.
 */
type HTMLElement = object;
type SVGElement = object;
type Node = object;
type HTMLElementTagNameMap = Readonly<Record<string, HTMLElement>>;
