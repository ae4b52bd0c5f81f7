/** A text that something lasting was written as. */
export class Written {
  constructor(
    readonly text: string,
    /** What wrote it, and would write it the same way again. */
    readonly by: unknown,
  ) {}
}

/**
 * What never changes once it is made, nor does anything in it. Whoever writes it may leave the text with it, and need not write it
 * another time; the last one's is kept.
 */
export abstract class Lasting {
  written: Written | undefined = undefined;
}
