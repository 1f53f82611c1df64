/**
 * A column of the table: an app with one thing of Nest's in it, and what must be seen of that thing in every cell.
 */
import { type ModuleMetadata } from '@nestjs/common';
import { type Cell } from './call.js';
import { type EnhancedApp } from './modes.js';

export interface Column {
  readonly name: string;
  readonly module: ModuleMetadata;
  /** Default: nothing global besides what the module provides. */
  readonly useGlobals?: (app: EnhancedApp) => void;
  /** Its services are providers, which only mounted apps serve. Default: false. */
  readonly needsMounting?: boolean;
  /** By what they find out. */
  readonly cells: Readonly<Record<string, (cell: Cell) => Promise<Finding>>>;
}

/** What must be equal. */
export interface Finding {
  readonly seen: unknown;
  readonly expected: unknown;
}

/** Where an enhancer can be declared: `useGlobal…`, `APP_…`, class, method. */
export const LEVELS = ['useGlobal', 'APP', 'class', 'method'] as const;

export type Level = (typeof LEVELS)[number];

/** Whether an enhancer stands around the RPCs of an app. */
export function applies(level: Level, { mode }: Cell): boolean {
  return mode.hasGlobals || level === 'class' || level === 'method';
}
