/**
 * Splits TypeScript into tokens, so that a check can look at code without being fooled by comments, strings,
 * templates or regular expressions. It knows no grammar beyond that.
 */

/** One token; comments and white space are left out. */
export interface Token {
  kind: "word" | "number" | "string" | "template" | "regex" | "punctuation";
  /** As written; for a string its value without quotes, for a template the text between two expressions. */
  text: string;
  /** Line it starts on, from 1. */
  line: number;
}

/** Words after which a slash begins a regular expression, although a name would make it a division. */
const wordsBeforeExpression = new Set(
  ("await case delete do else extends in instanceof new of return throw typeof void yield").split(" "),
);
const wordStart = /[\p{ID_Start}$_#@]/u;
const wordPart = /[\p{ID_Continue}$\u200c\u200d]/u;
const threeCharacters = ["...", "===", "!==", "**=", "<<=", ">>=", "&&=", "||=", "??="];
const twoCharacters = [
  "=>",
  "?.",
  "??",
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "++",
  "--",
  "**",
  "+=",
  "-=",
  "*=",
]
  .concat(["/=", "%=", "&=", "|=", "^=", "<<"]); // ">>" is left apart, as in Map<string, Set<number>>.

/**
 * @returns The tokens of `source` in order.
 * @throws {SyntaxError} When a comment, string, template or regular expression does not end.
 */
export function tokensOf(source: string): Token[] {
  return new Tokenizer(source).all();
}

class Tokenizer {
  readonly #source: string;
  #at = 0;
  #line = 1;
  readonly #tokens: Token[] = [];
  /** For each open brace: true when it opened a template's `${`. */
  readonly #braces: boolean[] = [];
  /** For each open parenthesis: true when it belongs to `if (`, `while (` or `for (`. */
  readonly #parentheses: boolean[] = [];
  #closedCondition = false;

  constructor(source: string) {
    this.#source = source;
  }

  all(): Token[] {
    if (this.#source.startsWith("#!")) this.#skipLine();
    while (this.#at < this.#source.length) this.#next();
    if (this.#braces.includes(true)) this.#fail("a template does not end");
    return this.#tokens;
  }

  #next(): void {
    const source = this.#source;
    const at = this.#at;
    const c = source[at];
    if (c === "\n") {
      this.#line++;
      this.#at++;
    } else if (/\s/.test(c)) this.#at++;
    else if (source.startsWith("//", at)) this.#skipLine();
    else if (source.startsWith("/*", at)) this.#skipBlockComment();
    else if (c === '"' || c === "'") this.#string(c);
    else if (c === "`") this.#template(at + 1);
    else if (c === "}" && this.#braces.at(-1) === true) {
      this.#braces.pop();
      this.#template(at + 1);
    } else if (/\d/.test(c) || (c === "." && /\d/.test(source[at + 1] ?? ""))) {
      this.#push("number", /^(?:0[xXbBoO][\da-fA-F_]+n?|[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?n?)/);
    } else if (wordStart.test(String.fromCodePoint(source.codePointAt(at)!))) this.#word();
    else if (c === "/" && this.#regexMayStart()) this.#regex();
    else this.#punctuation();
  }

  #word(): void {
    const start = this.#at;
    for (let at = start;;) {
      const point = this.#source.codePointAt(at);
      const c = point === undefined ? "" : String.fromCodePoint(point);
      if (c === "" || (at > start && !wordPart.test(c))) return this.#take("word", start, at);
      at += c.length;
    }
  }

  #punctuation(): void {
    const at = this.#at;
    const here = (size: number) => this.#source.slice(at, at + size);
    // "a?.5:1" is a conditional with a number.
    const optionalChain = here(2) === "?." && /\d/.test(this.#source[at + 2] ?? "");
    const size = threeCharacters.includes(here(3))
      ? 3
      : twoCharacters.includes(here(2)) && !optionalChain
      ? 2
      : 1;
    const text = here(size);
    if (text === "{") this.#braces.push(false);
    else if (text === "}") this.#braces.pop();
    else if (text === "(") {
      const before = this.#tokens.at(-1);
      const owner = before?.text === "await" ? this.#tokens.at(-2) : before;
      const isMember = [".", "?."].includes(this.#tokens.at(-2)?.text ?? "");
      this.#parentheses.push(
        owner?.kind === "word" && /^(?:if|while|for|with)$/.test(owner.text) && !isMember,
      );
    } else if (text === ")") this.#closedCondition = this.#parentheses.pop() ?? false;
    this.#take("punctuation", at, at + size);
  }

  #string(quote: string): void {
    const start = this.#at;
    for (let at = start + 1; at < this.#source.length; at++) {
      const c = this.#source[at];
      if (c === "\\") {
        at++;
        if (this.#source[at] === "\n") this.#line++;
      } else if (c === quote) {
        this.#tokens.push({ kind: "string", text: this.#source.slice(start + 1, at), line: this.#line });
        this.#at = at + 1;
        return;
      } else if (c === "\n") break;
    }
    this.#fail("a string does not end on its line");
  }

  /** Takes a template's text from `start` up to its end or the next `${`. */
  #template(start: number): void {
    const line = this.#line;
    for (let at = start; at < this.#source.length; at++) {
      const c = this.#source[at];
      if (c === "\n") this.#line++;
      else if (c === "\\") {
        at++;
        if (this.#source[at] === "\n") this.#line++;
      } else if (c === "`" || (c === "$" && this.#source[at + 1] === "{")) {
        if (c === "$") this.#braces.push(true);
        this.#tokens.push({ kind: "template", text: this.#source.slice(start, at), line });
        this.#at = at + (c === "$" ? 2 : 1);
        // After "${" an expression begins, after the closing backtick it has ended.
        if (c === "$") this.#tokens.push({ kind: "punctuation", text: "${", line: this.#line });
        return;
      }
    }
    this.#fail("a template does not end");
  }

  /** Decides between a division and a regular expression by what stands before the slash. */
  #regexMayStart(): boolean {
    const before = this.#tokens.at(-1);
    if (before === undefined) return true;
    const isMember = [".", "?."].includes(this.#tokens.at(-2)?.text ?? "");
    if (before.kind === "word") return wordsBeforeExpression.has(before.text) && !isMember;
    if (before.kind !== "punctuation") return false;
    if (before.text === ")") return this.#closedCondition;
    // A brace that ends a block may be followed by a regular expression, but nobody begins a statement so.
    return !["]", "}", "++", "--"].includes(before.text) && !this.#isNonNull(before);
  }

  /** `a! / b` divides, `!/b/.test(a)` does not. */
  #isNonNull(token: Token): boolean {
    const owner = this.#tokens.at(-2);
    return token.text === "!" && owner !== undefined &&
      (owner.kind === "word" && !wordsBeforeExpression.has(owner.text) || [")", "]"].includes(owner.text));
  }

  #regex(): void {
    const start = this.#at;
    let inClass = false;
    for (let at = start + 1; at < this.#source.length && this.#source[at] !== "\n"; at++) {
      const c = this.#source[at];
      if (c === "\\") at++;
      else if (c === "[") inClass = true;
      else if (c === "]") inClass = false;
      else if (c === "/" && !inClass) {
        let end = at + 1;
        while (wordPart.test(this.#source[end] ?? " ")) end++;
        return this.#take("regex", start, end);
      }
    }
    this.#fail("a regular expression does not end on its line");
  }

  #push(kind: Token["kind"], pattern: RegExp): void {
    const text = pattern.exec(this.#source.slice(this.#at))?.[0] ?? "";
    this.#take(kind, this.#at, this.#at + Math.max(1, text.length));
  }

  #take(kind: Token["kind"], start: number, end: number): void {
    this.#tokens.push({ kind, text: this.#source.slice(start, end), line: this.#line });
    this.#at = end;
  }

  #skipLine(): void {
    const end = this.#source.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#source.length : end;
  }

  #skipBlockComment(): void {
    const end = this.#source.indexOf("*/", this.#at + 2);
    if (end < 0) this.#fail("a comment does not end");
    for (let at = this.#at; at < end; at++) if (this.#source[at] === "\n") this.#line++;
    this.#at = end + 2;
  }

  #fail(what: string): never {
    throw new SyntaxError(`line ${this.#line}: ${what}`);
  }
}
