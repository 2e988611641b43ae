/** A mistake of the input or the installation: its message is all that people need; a stack would hide it. */
export class CodegenError extends Error {
  override readonly name = "CodegenError";
}
