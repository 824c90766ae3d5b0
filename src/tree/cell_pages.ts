import { assert } from "../base/assert.ts";

/*
 * Memory for records of any size, in cells of some 500 fixed sizes.
 *
 * A page is one buffer cut into cells of one size. A size's first page is some 16 KB and each further one
 * twice as large, up to 2048 cells or 256 KB (1 MB for cells above 4 KB); a cell above 64 KB has a page of its
 * own. A cell's address is `page << 11 | cell`, so that 2^20 pages, hundreds of gigabytes, can be named.
 *
 * Sizes lie 4 bytes apart up to 256 bytes and then 1/32 of a power of two, so that a record wastes 1.5% of its
 * cell on average. When a quarter of a size's cells and a page more are free, its emptiest page is cleared by
 * moving what lives there, and let go: one page at a time, so a free moves two thousand small records at worst.
 */

/** A cell: `page << 11 | cell`; never negative. */
export type CellAddress = number;

const cellBits = 11;
const cellMask = (1 << cellBits) - 1;
const cellsPerPageMax = 1 << cellBits;
const pagesMax = 1 << (31 - cellBits);

const firstPageBytes = 16 * 1024;
const pageBytesMax = 256 * 1024;
const largePageBytes = 1024 * 1024;
const smallCellMax = 4 * 1024;
const sharedCellMax = 64 * 1024;

const exactSizeMax = 256;
const stepsPerDoubling = 32;

/** Moves a live record out of a cell; called while its old cell still holds it. */
export interface CellMover {
  /** The record at `from` now also lies at `to`: whoever names it must name `to`. */
  onMoved(from: CellAddress, to: CellAddress): void;
}

interface SizeClass {
  readonly cellBytes: number;
  readonly pages: number[];
  /** Pages with a free cell, filled from the end. */
  readonly open: number[];
  cells: number;
  used: number;
}

/** Hands out cells and takes them back. */
export class CellPages {
  /** By page; a page that was let go has an empty buffer. */
  readonly #bytes: Uint8Array[] = [];
  /** The same buffers, to read and write numbers in. */
  readonly #views: DataView[] = [];
  /** Size of each page's cells. */
  #cellBytes = new Int32Array(64);
  readonly #mover: CellMover;
  readonly #freeMarkAt: number;
  readonly #classes: (SizeClass | undefined)[] = [];
  readonly #freePages: number[] = [];
  #pageClass = new Int32Array(64);
  #pageCells = new Int32Array(64);
  #pageUsed = new Int32Array(64);
  /** Cells from here on were never used. */
  #pageFresh = new Int32Array(64);
  /** First free cell plus one; each free cell holds the next one's so. */
  #pageFree = new Int32Array(64);
  /** The page's place among its class's open ones plus one, or 0. */
  #pageOpenAt = new Int32Array(64);
  #totalBytes = 0;

  /**
   * @param freeMarkAt Where in a cell an int32 stands that a live record never sets to {@link freeMark}.
   */
  constructor(mover: CellMover, freeMarkAt: number) {
    this.#mover = mover;
    this.#freeMarkAt = freeMarkAt;
  }

  /** Bytes of all pages. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** The buffer that a cell lies in. */
  bytesAt(address: CellAddress): Uint8Array {
    return this.#bytes[address >>> cellBits];
  }

  /** The same, to read and write numbers in. */
  viewAt(address: CellAddress): DataView {
    return this.#views[address >>> cellBits];
  }

  /** Bytes of the cell at an address. */
  sizeAt(address: CellAddress): number {
    return this.#cellBytes[address >>> cellBits];
  }

  /** Where in its page's buffer a cell begins. */
  offsetOf(address: CellAddress): number {
    return (address & cellMask) * this.#cellBytes[address >>> cellBits];
  }

  /** @returns Whether a record of so many bytes is better off in another cell than in one of `cellBytes`. */
  isMisfit(cellBytes: number, wantedBytes: number): boolean {
    return wantedBytes > cellBytes || (cellBytes > exactSizeMax && wantedBytes < cellBytes >>> 1);
  }

  /** @returns A cell of at least `wantedBytes`; its content is undefined. */
  allocate(wantedBytes: number): CellAddress {
    const index = classIndexOf(wantedBytes);
    if (index === ownPage) return this.#addPage(ownPage, wantedBytes, 1, wantedBytes) << cellBits;
    let sizeClass = this.#classes[index];
    if (sizeClass === undefined) {
      sizeClass = { cellBytes: classBytesOf(index), pages: [], open: [], cells: 0, used: 0 };
      this.#classes[index] = sizeClass;
    }
    if (sizeClass.open.length === 0) this.#growClass(index, sizeClass);
    return this.#take(sizeClass);
  }

  /** Gives a cell back; this may move other records (see {@link CellMover}). */
  free(address: CellAddress): void {
    const page = address >>> cellBits;
    const index = this.#pageClass[page];
    if (index === ownPage) return this.#dropPage(page);
    const sizeClass = this.#classes[index]!;
    const at = this.offsetOf(address);
    const view = this.#views[page];
    view.setInt32(at, this.#pageFree[page], true);
    view.setInt32(at + this.#freeMarkAt, freeMark, true);
    this.#pageFree[page] = (address & cellMask) + 1;
    this.#pageUsed[page]--;
    sizeClass.used--;
    if (this.#pageOpenAt[page] === 0) this.#open(sizeClass, page);
    const free = sizeClass.cells - sizeClass.used;
    if (free >= (sizeClass.used >>> 2) + this.#largestPageCells(sizeClass)) this.#shrinkClass(sizeClass);
  }

  /** Lets everything go. */
  clear(): void {
    this.#bytes.length = 0;
    this.#views.length = 0;
    this.#classes.length = 0;
    this.#freePages.length = 0;
    this.#totalBytes = 0;
  }

  #take(sizeClass: SizeClass): CellAddress {
    const page = sizeClass.open[sizeClass.open.length - 1];
    let cell = this.#pageFree[page] - 1;
    if (cell >= 0) this.#pageFree[page] = this.#views[page].getInt32(cell * sizeClass.cellBytes, true);
    else cell = this.#pageFresh[page]++;
    sizeClass.used++;
    const used = ++this.#pageUsed[page];
    if (used === this.#pageCells[page]) this.#close(sizeClass, page);
    return (page << cellBits) | cell;
  }

  #growClass(index: number, sizeClass: SizeClass): void {
    const most = sizeClass.cellBytes <= smallCellMax ? pageBytesMax : largePageBytes;
    const wanted = Math.min(firstPageBytes * 2 ** Math.min(sizeClass.pages.length, 10), most);
    const cells = Math.min(Math.max(Math.floor(wanted / sizeClass.cellBytes), 1), cellsPerPageMax);
    const page = this.#addPage(index, sizeClass.cellBytes, cells, Math.max(wanted, sizeClass.cellBytes));
    sizeClass.pages.push(page);
    sizeClass.cells += cells;
    this.#open(sizeClass, page);
  }

  /** Clears and drops the emptiest page, when the others can take what lives there. */
  #shrinkClass(sizeClass: SizeClass): void {
    const { pages } = sizeClass;
    let emptiest = 0;
    for (let at = 1; at < pages.length; at++) {
      if (this.#pageUsed[pages[at]] < this.#pageUsed[pages[emptiest]]) emptiest = at;
    }
    const page = pages[emptiest];
    // A first page stays when it is empty, or the next znode of its size would make it anew.
    if (pages.length === 1 && this.#bytes[page].length <= firstPageBytes) return;
    const free = sizeClass.cells - sizeClass.used;
    if (free < this.#pageCells[page]) return;

    if (this.#pageOpenAt[page] !== 0) this.#close(sizeClass, page);
    const { cellBytes } = sizeClass;
    const fresh = this.#pageFresh[page];
    for (let cell = 0; this.#pageUsed[page] > 0; cell++) {
      assert(cell < fresh, "a page's count of live cells is right");
      const at = cell * cellBytes;
      if (this.#views[page].getInt32(at + this.#freeMarkAt, true) === freeMark) continue;
      const to = this.#take(sizeClass);
      const target = this.#bytes[to >>> cellBits];
      target.set(this.#bytes[page].subarray(at, at + cellBytes), (to & cellMask) * cellBytes);
      this.#mover.onMoved((page << cellBits) | cell, to);
      this.#pageUsed[page]--;
      sizeClass.used--;
    }
    pages[emptiest] = pages[pages.length - 1];
    pages.pop();
    sizeClass.cells -= this.#pageCells[page];
    this.#dropPage(page);
  }

  #largestPageCells(sizeClass: SizeClass): number {
    return sizeClass.pages.length === 0 ? 0 : this.#pageCells[sizeClass.pages[sizeClass.pages.length - 1]];
  }

  #open(sizeClass: SizeClass, page: number): void {
    this.#pageOpenAt[page] = sizeClass.open.push(page);
  }

  #close(sizeClass: SizeClass, page: number): void {
    const at = this.#pageOpenAt[page] - 1;
    const last = sizeClass.open.pop()!;
    if (last !== page) {
      sizeClass.open[at] = last;
      this.#pageOpenAt[last] = at + 1;
    }
    this.#pageOpenAt[page] = 0;
  }

  #addPage(classIndex: number, cellBytes: number, cells: number, pageBytes: number): number {
    let page = this.#freePages.pop();
    if (page === undefined) {
      page = this.#bytes.length;
      assert(page < pagesMax, "a store has at most 2^20 pages");
      if (page === this.#cellBytes.length) this.#growPageTable();
    }
    const bytes = new Uint8Array(pageBytes);
    this.#bytes[page] = bytes;
    this.#views[page] = new DataView(bytes.buffer);
    this.#cellBytes[page] = cellBytes;
    this.#pageClass[page] = classIndex;
    this.#pageCells[page] = cells;
    this.#pageUsed[page] = 0;
    this.#pageFresh[page] = 0;
    this.#pageFree[page] = 0;
    this.#pageOpenAt[page] = 0;
    this.#totalBytes += bytes.length;
    return page;
  }

  #dropPage(page: number): void {
    this.#totalBytes -= this.#bytes[page].length;
    this.#bytes[page] = noBytes;
    this.#views[page] = noView;
    this.#freePages.push(page);
  }

  #growPageTable(): void {
    this.#cellBytes = doubled(this.#cellBytes);
    this.#pageClass = doubled(this.#pageClass);
    this.#pageCells = doubled(this.#pageCells);
    this.#pageUsed = doubled(this.#pageUsed);
    this.#pageFresh = doubled(this.#pageFresh);
    this.#pageFree = doubled(this.#pageFree);
    this.#pageOpenAt = doubled(this.#pageOpenAt);
  }
}

/** Marks a free cell; see the constructor of {@link CellPages}. */
export const freeMark = -0x80000000;

const ownPage = -1;
const noBytes = new Uint8Array(0);
const noView = new DataView(noBytes.buffer);

/** The class of the smallest cells that hold `bytes`, or {@link ownPage}. */
function classIndexOf(bytes: number): number {
  if (bytes <= exactSizeMax) return (bytes + 3) >>> 2;
  if (bytes > sharedCellMax) return ownPage;
  // 2^log < bytes <= 2^(log + 1), and log >= 8.
  const log = 31 - Math.clz32(bytes - 1);
  const step = 2 ** log / stepsPerDoubling;
  const steps = Math.ceil((bytes - 2 ** log) / step);
  return exactSizeMax / 4 + (log - 8) * stepsPerDoubling + steps;
}

function classBytesOf(index: number): number {
  if (index <= exactSizeMax / 4) return index * 4;
  const steps = index - exactSizeMax / 4 - 1;
  const log = 8 + Math.floor(steps / stepsPerDoubling);
  return 2 ** log + (1 + steps % stepsPerDoubling) * 2 ** log / stepsPerDoubling;
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
