// One connection that is kept and asks one thing at a time. Lean, since the generator shares the machine with what it measures: node:http's
// client takes several times as long for a request.
import { connect } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const CLOSE = /\r\nconnection: *close/i;

/** A connection to a server; connects again where the server has closed it. */
export class Connection {
  #address;
  #socket;
  #received;
  #answered;
  #parts = 0;

  /** @param address { host, port } */
  constructor(address) {
    this.#address = address;
  }

  /** Sends a request's bytes and hands the answer, { status, body }, or an Error to `answered`. Never asked before the last answer is there. */
  ask(bytes, answered) {
    this.#answered = answered;
    this.#received = undefined;
    this.#parts = 0;
    if (!this.#socket) this.#open();
    this.#socket.write(bytes);
  }

  /** Hangs up; a question that is under way is answered by an Error. */
  close() {
    this.#socket?.destroy();
    this.#broken(new Error('hung up'));
  }

  #open() {
    const socket = connect({ ...this.#address, noDelay: true });
    this.#socket = socket;
    socket.on('data', (part) => this.#read(part));
    socket.on('error', (error) => socket === this.#socket && this.#broken(error));
    socket.on('close', () => socket === this.#socket && this.#closed());
  }

  #closed() {
    const rest = this.#received && read(this.#received, true);
    this.#socket = undefined;
    if (rest) this.#finish(rest);
    else this.#broken(new Error('closed before the answer'));
  }

  #read(part) {
    if (!this.#answered) return;
    this.#received = this.#parts++ === 0 ? part : Buffer.concat([this.#received, part]);
    const answer = read(this.#received, false);
    if (answer) this.#finish(answer);
  }

  #finish(answer) {
    if (answer.isLast) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    this.#tell(answer);
  }

  #broken(error) {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#tell(error);
  }

  #tell(outcome) {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(outcome);
  }
}

/** The answer that these bytes hold, { status, body, isLast }; undefined while more must come. */
function read(bytes, isClosed) {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const head = bytes.latin1Slice(0, end);
  const body = bodyOf(head, bytes, end + 4, isClosed);
  return body && { status: Number(head.slice(9, 12)), body, head, isLast: CLOSE.test(head) };
}

function bodyOf(head, bytes, from, isClosed) {
  const status = head.slice(9, 12);
  if (status === '204' || status === '304') return bytes.subarray(from, from);
  const length = LENGTH.exec(head);
  if (length) {
    const to = from + Number(length[1]);
    return bytes.length < to ? undefined : bytes.subarray(from, to);
  }
  if (CHUNKED.test(head)) return unchunked(bytes, from);
  return isClosed ? bytes.subarray(from) : undefined;
}

/** What stands in the chunks from there on; undefined before the last one is there. */
function unchunked(bytes, from) {
  const parts = [];
  for (let at = from; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = parseInt(bytes.latin1Slice(at, line), 16);
    if (bytes.length < line + 2 + size + 2) return undefined;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
