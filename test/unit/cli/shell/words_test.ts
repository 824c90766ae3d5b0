import { describe, expect, test } from "bun:test";
import { splitLine, typeWord } from "../../../../cli/shell/words.ts";

const texts = (line: string) => splitLine(line).words.map((word) => word.text);

describe("splitLine()", () => {
  test("splits at blanks and tabs, and finds nothing in an empty line", () => {
    expect(texts("  set\t/a  b ")).toEqual(["set", "/a", "b"]);
    expect(texts("")).toEqual([]);
    expect(texts("  \t ")).toEqual([]);
  });

  test("takes quotes off a word that begins with one, and leaves those inside a word", () => {
    expect(texts(`set /a "two words"`)).toEqual(["set", "/a", "two words"]);
    expect(texts(`set /a 'two "words"'`)).toEqual(["set", "/a", `two "words"`]);
    expect(texts(`set /a {"x":1}`)).toEqual(["set", "/a", `{"x":1}`]);
    expect(texts(`set /a ""`)).toEqual(["set", "/a", ""]);
  });

  test("knows escapes between double quotes and none between single quotes", () => {
    expect(texts(String.raw`"a\"b\\c\n\t\r\0\x41\u20ac\q"`)).toEqual(['a"b\\c\n\t\r\0A€\\q']);
    expect(texts(String.raw`'a\n\"'`)).toEqual([String.raw`a\n\"`]);
  });

  test("leaves backslashes in bare words, so that JSON arrives as typed", () => {
    expect(texts(String.raw`set /a {"x":"a\nb\"c\\"}`)).toEqual(["set", "/a", String.raw`{"x":"a\nb\"c\\"}`]);
    expect(texts(String.raw`C:\temp`)).toEqual([String.raw`C:\temp`]);
  });

  test("takes a blank or an opening quote literally after a backslash in a bare word", () => {
    expect(texts(String.raw`get /a\ b`)).toEqual(["get", "/a b"]);
    expect(texts(String.raw`set /a \"x`)).toEqual(["set", "/a", '"x']);
  });

  test("reads \\xNN as bytes, exact even where they are not UTF-8", () => {
    const [bare, quoted] = splitLine(String.raw`a\xff\x00b "\xc3\xa9\xfe"`).words;
    expect([...bare.bytes]).toEqual([0x61, 0xff, 0x00, 0x62]);
    expect([...quoted.bytes]).toEqual([0xc3, 0xa9, 0xfe]);
    expect(splitLine(String.raw`"\xc3\xa9"`).words[0].text).toBe("é");
    expect(splitLine(String.raw`\x41\x4`).words[0].text).toBe(String.raw`A\x4`);
  });

  test("keeps text before a raw byte in UTF-8", () => {
    expect([...splitLine(String.raw`"é\xff"`).words[0].bytes]).toEqual([0xc3, 0xa9, 0xff]);
  });

  test("joins what follows a closing quote to the word", () => {
    expect(texts(`"/a b"/c d`)).toEqual(["/a b/c", "d"]);
  });

  test("reports a quote that is never closed and still gives the word", () => {
    expect(splitLine(`get "/a b`)).toMatchObject({ openQuote: '"', inWord: true });
    expect(splitLine(`get '/a b`).openQuote).toBe("'");
    expect(texts(`get "/a b`)).toEqual(["get", "/a b"]);
    expect(splitLine(String.raw`get "a\"`).openQuote).toBe('"');
  });

  test("says whether the line ends inside a word, and where words begin", () => {
    expect(splitLine("get /a").inWord).toBe(true);
    expect(splitLine("get /a ").inWord).toBe(false);
    expect(splitLine(`get "/a"`).words.map((word) => word.start)).toEqual([0, 4]);
  });

  test("tells quoted words from bare ones", () => {
    expect(splitLine(`-s "-s"`).words.map((word) => word.quoted)).toEqual([false, true]);
  });
});

test("typeWord() gives what splitLine() reads back, bare and in either quote", () => {
  for (const text of ["/a", "/a b", `"x`, `/it's`, String.raw`/a\b`, "/tab\tin"]) {
    expect(splitLine(typeWord(text)).words[0].text).toBe(text);
    expect(splitLine(typeWord(text, '"') + '"').words[0].text).toBe(text);
  }
  expect(splitLine(typeWord("/a b", "'") + "'").words[0].text).toBe("/a b");
});
