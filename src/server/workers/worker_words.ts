import {
  answerFourLetter,
  type FourLetterSettings,
  type FourLetterWord,
} from "../../admin/four_letter_words.ts";
import { decodeStatusShare, GroupStatus, groupWords, type StatusShare } from "../../admin/group_status.ts";
import type { StatusView } from "../../admin/status_view.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { JuteReader } from "../../jute/reader.ts";
import { Pieces } from "./pieces.ts";
import type { WorkerSeat } from "./worker_seat.ts";

/** A worker that takes longer to tell its share is left out of the answer, ms. */
const shareMs = 1000;

/** A word that waits for the workers' shares of its answer. */
interface OpenQuestion {
  readonly waitingFor: Map<WorkerSeat, Pieces>;
  readonly shares: StatusShare[];
  readonly timer: Timer;
  finish(): void;
}

/** What a {@link WorkerWords} is made of. */
export interface WorkerWordsParts {
  readonly clock: Clock;
  /** What the main process alone can tell. */
  status(): StatusView;
  settings(): FourLetterSettings;
  /** The workers that serve. */
  seats(): readonly WorkerSeat[];
}

/** Answers four-letter words for a server of several processes: of those that take all, each is asked for its share. */
export class WorkerWords {
  readonly #parts: WorkerWordsParts;
  readonly #open = new Map<number, OpenQuestion>();
  #lastNumber = 0;

  constructor(parts: WorkerWordsParts) {
    this.#parts = parts;
  }

  /** `done` is called once, now or in a moment. */
  answer(word: FourLetterWord, rest: Uint8Array, done: (text: string) => void): void {
    const { clock } = this.#parts;
    const status = this.#parts.status();
    const settings = this.#parts.settings();
    const seats = groupWords.has(word) && settings.enabled.has(word) ? this.#parts.seats() : [];
    if (seats.length === 0) return done(answerFourLetter(word, status, settings, rest));
    const number = ++this.#lastNumber & 0x7fffffff;
    const shares: StatusShare[] = [];
    const finish = () => {
      this.#open.delete(number);
      question.timer.cancel();
      // What resets statistics does so in each process by itself.
      const view = word === "srst" || word === "crst" ? status : new GroupStatus(status, shares);
      done(answerFourLetter(word, view, settings, rest));
    };
    const waitingFor = new Map(seats.map((seat) => [seat, new Pieces()]));
    const question: OpenQuestion = { waitingFor, shares, timer: clock.setTimer(shareMs, finish), finish };
    this.#open.set(number, question);
    for (const seat of seats) seat.ask(number, word);
  }

  /** A worker answers. @throws {JuteError | SyntaxError} */
  onAnswer(seat: WorkerSeat, reader: JuteReader): void {
    const question = this.#open.get(reader.int());
    const text = question?.waitingFor.get(seat)?.take(reader) ?? null;
    if (question === undefined || text === null) return;
    question.shares.push(decodeStatusShare(text));
    this.#leave(question, seat);
  }

  /** A worker is gone: nothing is to be had from it. */
  onGone(seat: WorkerSeat): void {
    for (const question of [...this.#open.values()]) this.#leave(question, seat);
  }

  #leave(question: OpenQuestion, seat: WorkerSeat): void {
    if (question.waitingFor.delete(seat) && question.waitingFor.size === 0) question.finish();
  }
}
