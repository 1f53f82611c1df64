/**
 * What the guides use of class-validator, with its types.
 */
export declare function Allow(): PropertyDecorator;
export declare function Length(min: number, max?: number): PropertyDecorator;
