/**
 * Classes with `@Module({ … })` in source text, and what is added to their metadata.
 */
import { appendElement, breakLongList, readList, UneditableSourceError } from './bracket-list.js';
import { maskSource } from './masked-source.js';

/** What of `@Module({ … })` is edited. */
export type ModuleProperty = 'imports' | 'controllers' | 'providers';

/** One element for one of the lists. */
export interface ModuleElement {
  readonly property: ModuleProperty;
  readonly element: string;
  /** @returns Whether an element that is there is this one. Default: one with the same text. */
  readonly isSame?: (element: string) => boolean;
  /** Where a call such as `Clients.register([…])` is among the elements, its list gets this instead. */
  readonly into?: { readonly call: string; readonly element: string };
}

interface ModuleClass {
  readonly name: string;
  /** The parenthesis of its decorator. */
  readonly open: number;
}

interface Property {
  readonly key: string;
  /** The bracket, when its value is a list and nothing else. */
  readonly listAt: number | undefined;
}

/**
 * @param expected What the module of this file is called by convention, when the file has several.
 * @returns The source with one element more; the same text if the element is there.
 * @throws UneditableSourceError When it is not clear where the element belongs.
 */
export function addToModule(source: string, expected: string, addition: ModuleElement): string {
  const { name, open } = chooseModule(source, expected);
  const objectAt = metadataOf(source, name);
  if (objectAt === undefined) {
    return addToModule(`${source.slice(0, open + 1)}{}${source.slice(open + 1)}`, name, addition);
  }
  const listAt = listOf(source, objectAt, addition.property);
  if (listAt === undefined) {
    const list = `${addition.property}: [${addition.element}]`;
    return tidy(appendElement(source, objectAt, list), name, addition.property);
  }
  const extended = extendList(source, listAt, addition);
  return extended === source ? source : tidy(extended, name, addition.property);
}

function extendList(source: string, listAt: number, { element, isSame, into }: ModuleElement): string {
  const spans = readList(source, listAt).elements;
  const texts = spans.map(({ start, end }) => source.slice(start, end));
  if (texts.some(isSame ?? ((text) => text === element))) {
    return source;
  }
  const calls = into === undefined ? [] : texts.map((text) => firstListOf(text, into.call));
  const index = calls.findIndex((position) => position !== undefined);
  if (into === undefined || index === -1) {
    return appendElement(source, listAt, element);
  }
  const at = (spans[index]?.start ?? 0) + (calls[index] ?? 0);
  return breakLongList(appendElement(source, at, into.element), at);
}

/** @returns Where in the text of a call the list is that is its first argument. */
function firstListOf(text: string, call: string): number | undefined {
  const start = new RegExp(String.raw`^${call.replaceAll('.', String.raw`\s*\.\s*`)}\(\s*\[`).exec(
    maskSource(text),
  );
  return start === null ? undefined : start[0].length - 1;
}

/** Breaks what the addition has made too long, from the outside in, as prettier does. */
function tidy(source: string, name: string, property: ModuleProperty): string {
  const objectAt = metadataOf(source, name);
  const outer = objectAt === undefined ? source : breakLongList(source, objectAt);
  const listAt = objectAt === undefined ? undefined : listOf(outer, objectAt, property);
  return listAt === undefined ? outer : breakLongList(outer, listAt);
}

function findModules(source: string): ModuleClass[] {
  const masked = maskSource(source);
  return [...masked.matchAll(/@(?:[\w$]+\s*\.\s*)?Module\s*\(/g)].map(({ 0: text, index }) => {
    const open = index + text.length - 1;
    const name = /\bclass\s+([\w$]+)/.exec(masked.slice(open))?.[1] ?? '';
    return { name, open };
  });
}

function chooseModule(source: string, expected: string): ModuleClass {
  const modules = findModules(source);
  const chosen = modules.length === 1 ? modules[0] : modules.find(({ name }) => name === expected);
  if (chosen === undefined) {
    throw new UneditableSourceError(
      modules.length === 0
        ? 'it has no class with @Module()'
        : `it has ${modules.length} modules, and none of them is called ${expected}`,
    );
  }
  return chosen;
}

/** @returns Where the object is that the decorator is given; `undefined` for `@Module()`. */
function metadataOf(source: string, name: string): number | undefined {
  const masked = maskSource(source);
  const { elements } = readList(source, chooseModule(source, name).open);
  const [argument] = elements;
  if (argument === undefined) {
    return undefined;
  }
  const isObject = masked.charAt(argument.start) === '{';
  if (!isObject || readList(source, argument.start).close !== argument.end - 1) {
    throw new UneditableSourceError(`@Module() of ${name} is not given an object`);
  }
  return argument.start;
}

function listOf(source: string, objectAt: number, wanted: ModuleProperty): number | undefined {
  const properties = readProperties(source, objectAt);
  const index = properties.findLastIndex(({ key }) => key === wanted);
  // Of a spread, or a computed key, only the app knows which properties it sets: what is behind it counts.
  if (properties.slice(index + 1).some(({ key }) => key === '')) {
    throw new UneditableSourceError(`its ${wanted} may come from elsewhere`);
  }
  const property = properties[index];
  if (property !== undefined && property.listAt === undefined) {
    throw new UneditableSourceError(`its ${wanted} are not a plain list`);
  }
  return property?.listAt;
}

function readProperties(source: string, objectAt: number): Property[] {
  const masked = maskSource(source);
  return readList(source, objectAt).elements.map(({ start, end }) => {
    const key = /^(?:(['"])(_*)\1|[\w$]+)/.exec(masked.slice(start, end))?.[0] ?? '';
    const value = /^\s*:\s*\[/.exec(masked.slice(start + key.length, end))?.[0];
    const listAt = value === undefined ? undefined : start + key.length + value.length - 1;
    return {
      key: source.slice(start, start + key.length).replaceAll(/['"]/g, ''),
      listAt: listAt !== undefined && readList(source, listAt).close === end - 1 ? listAt : undefined,
    };
  });
}
