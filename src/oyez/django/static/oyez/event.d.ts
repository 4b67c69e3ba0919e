/** What is told apart beside `onmessage`: the whole event. `M` is what the site posts. */
export interface OyezEvent<M = any> {
  id: number;
  channel: string;
  /** Absent if the post had none. */
  message?: M;
}

/** "live": events arrive as they are posted; "reconnecting": not now; "stale": not for ten seconds or more. */
export type OyezState = "live" | "reconnecting" | "stale";

export interface OyezClosed {
  /** The WebSocket's close code; 1006 for what is no WebSocket, or has ended without one. */
  code: number;
  reason: string;
}

export interface OyezOptions {
  /** Some events of these channels may be missing for good. */
  ongap?: ((channels: string[]) => void) | null;
  onstate?: ((state: OyezState) => void) | null;
  onwsclose?: ((closed: OyezClosed) => void) | null;
  /** Show the state in a corner of the page. */
  badge?: boolean;
  /** Have one connection for all tabs of the origin; left out: where WebSockets are blocked; false: never. */
  share?: boolean;
  /** Begin when `reconnect()` is called. */
  paused?: boolean;
  /** Other words for the badge. */
  words?: Partial<Record<OyezState, string>>;
}

export type OyezCallback<M = any> = (message: M, event: OyezEvent<M>) => void;

export class EventReceiver<M = any> {
  /**
   * @param url where the daemon is, as pages see it; empty: the page's own origin
   * @param channels up to ten
   * @param last_msg the id up to which the page has everything; 0, null or undefined: it does not know
   */
  constructor(
    url: string | null | undefined,
    channels: readonly string[],
    last_msg: number | string | null | undefined,
    onmessage: OyezCallback<M> | null,
    options?: OyezOptions,
  );
  /** As DMOJ's pages have it. */
  constructor(
    websocket: string,
    poller: string | null | undefined,
    channels: Iterable<string>,
    last_msg: number | string | null | undefined,
    onmessage: OyezCallback<M> | null,
    options?: OyezOptions,
  );

  /** The receiver of the page's script elements with `data-channels`. */
  static page?: EventReceiver;

  readonly socketUrl: string;
  /** Change them by `updateChannels`. */
  readonly channels: string[];
  /** The newest id that was handled; at first, the one that was given. */
  readonly last_msg: number;
  readonly state: OyezState;
  onmessage: OyezCallback<M> | null;
  onwsclose: ((closed: OyezClosed) => void) | null;
  ongap?: ((channels: string[]) => void) | null;
  onstate?: ((state: OyezState) => void) | null;
  words?: Partial<Record<OyezState, string>>;

  /** End the connection until `reconnect()`. */
  disconnect(): void;
  /** Connect, or end the connection and connect anew, where it was. */
  reconnect(): void;
  /** Follow these channels and no others. New ones begin at `start`, or else where the page began. */
  updateChannels(channels: Iterable<string>, start?: number | string): void;
  /** Show the state in an element; without one, in a corner of the page. */
  badge(element?: HTMLElement): Promise<void>;
  /**
   * Have names with new grants: before the old ones end, and when one has ended.
   *
   * @param names returns them, or is the address of a JSON list of them
   * @param after_s seconds after which it is asked, each time; under the `grant_ttl_s` of the daemon's rule; 21600 if left out
   */
  renew(names: (() => Iterable<string> | Promise<Iterable<string>>) | string, after_s?: number): Promise<void>;
}

export default EventReceiver;

declare global {
  interface DocumentEventMap {
    "oyez:message": CustomEvent<OyezEvent>;
    "oyez:gap": CustomEvent<{ channels: string[] }>;
    "oyez:state": CustomEvent<{ state: OyezState }>;
  }
  interface Window {
    EventReceiver: typeof EventReceiver;
  }
}
