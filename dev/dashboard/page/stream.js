// The stream from the server. EventSource comes back by itself, with Last-Event-ID; where
// the server refuses it, we try again after a while.

const RETRY_MS = 5000;

//      open           error                open
//  ───────► live ───────────► lost ───────────► live
//                               │ refused (not a stream)
//                               └──► refused ── 5 s ──► lost
export function follow(store, changed, state) {
  let source;
  const start = () => {
    source = new EventSource('events');
    source.addEventListener('snapshot', (e) => take(e, true));
    source.addEventListener('update', (e) => take(e, false));
    source.onopen = () => state('live');
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return state('lost');
      state('refused');
      setTimeout(start, RETRY_MS);
    };
  };
  const take = (e, whole) => {
    if (!store.apply(JSON.parse(e.data), whole)) {
      source.close();
      return start();
    }
    changed();
  };
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (e) => e.persisted && start());
  start();
}
