const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** @returns `bytes` in base64 with padding (RFC 4648). */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = (bytes[at] << 16) | ((left > 1 ? bytes[at + 1] : 0) << 8) | (left > 2 ? bytes[at + 2] : 0);
    text += alphabet[word >> 18] + alphabet[(word >> 12) & 63] +
      (left > 1 ? alphabet[(word >> 6) & 63] : "=") + (left > 2 ? alphabet[word & 63] : "=");
  }
  return text;
}
