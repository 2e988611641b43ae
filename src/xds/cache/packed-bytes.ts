/** Longer ones have memory of their own. */
const LONGEST = 1_024;
/** Bytes shared by what is made in one go. */
const BLOCK = 16_384;
/** So many in one turn of the event loop are a lot, such as all there is at the start. */
const MANY = 64;

let block = new Uint8Array(0);
let used = 0;
let madeThisTurn = 0;

/**
 * The same bytes in little memory. A Uint8Array with memory of its own takes some 300 bytes beside its content; when very many are made at
 * once, those share blocks. Single ones, as changes make them, don't: a block lives as long as any of its pieces, and so is best made of
 * what was made together.
 */
export function packed(bytes: Uint8Array): Uint8Array {
  if (madeThisTurn++ === 0) setImmediate(endTurn).unref();
  // Pieces of something else are in a block already, or somebody else's.
  const isOwn = bytes.byteLength === bytes.buffer.byteLength;
  if (madeThisTurn <= MANY || !isOwn || bytes.length > LONGEST || bytes.length === 0) return bytes;
  if (used + bytes.length > block.length) {
    block = new Uint8Array(BLOCK);
    used = 0;
  }
  const piece = block.subarray(used, used + bytes.length);
  piece.set(bytes);
  used += bytes.length;
  return piece;
}

function endTurn(): void {
  madeThisTurn = 0;
  block = new Uint8Array(0);
  used = 0;
}
