/** Goes on at once where there is nothing to wait for: a promise costs more than most of what is done here. */
export const settle = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value);
