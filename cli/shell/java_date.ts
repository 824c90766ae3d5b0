/** Times as Java's Date.toString() writes them, which is what zkCli shows. */

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Locales that between them know most zones by a short name; a locale only knows those of its own region. */
const zoneLocales = ["en-US", "en-GB", "en-AU", "en-NZ", "en-IN", "en-ZA", "ja-JP", "ko-KR"];

/**
 * `Fri Nov 20 23:41:35 UTC 2026`, in the local time zone.
 *
 * @param ms Milliseconds since 1970.
 * @see Fact: StatPrinter
 */
export function javaDate(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${days[date.getDay()]} ${months[date.getMonth()]} ${two(date.getDate())} ${time} ${
    zoneName(date)
  } ${date.getFullYear()}`;
}

/** Intl is slow to load, so UTC, the usual zone of servers, is told apart without it. */
function zoneName(date: Date): string {
  const zone = process.env.TZ;
  if (date.getTimezoneOffset() === 0 && (zone === undefined || zone === "UTC" || zone === "Etc/UTC")) {
    if (Intl.DateTimeFormat().resolvedOptions().timeZone.endsWith("UTC")) return "UTC";
  }
  for (const locale of zoneLocales) {
    const name = zonePart(date, locale);
    if (/^[A-Z]{2,5}$/.test(name)) return name;
  }
  const minutes = -date.getTimezoneOffset();
  const hours = String(Math.floor(Math.abs(minutes) / 60)).padStart(2, "0");
  return `GMT${minutes < 0 ? "-" : "+"}${hours}:${String(Math.abs(minutes) % 60).padStart(2, "0")}`;
}

function zonePart(date: Date, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZoneName: "short" }).formatToParts(date);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}
