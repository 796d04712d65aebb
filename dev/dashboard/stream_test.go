package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pileus/pipeline"
)

// sent is a message as a reader gets it, with the fields that are looked at.
type sent struct {
	event, id string
	Run       string
	Seq       uint64
	Limits    *Limits
	Chain     *struct{ Name string }
	Relay     []struct{ Number uint32 }
	Blocks    []struct {
		Number uint32
		Stage  string
	}
}

// stream is an open stream of a board.
type stream struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Reader
}

func open(t *testing.T, url, lastID string) *stream {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", url+"/events", nil)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%s, %s", res.Status, ct)
	}
	return &stream{t, res.Body, bufio.NewReader(res.Body)}
}

// next is the next message.
func (s *stream) next() (m sent) {
	s.t.Helper()
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			m.event = value
		case "id":
			m.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m); err != nil {
				s.t.Fatal(err)
			}
			return m
		}
	}
}

func serve(t *testing.T, b *Board) string {
	server := httptest.NewServer(b.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(b.Close)
	return server.URL
}

func TestStream(t *testing.T) {
	s := newStory()
	s.whole(1)
	url := serve(t, s.Board)
	r := open(t, url, "")
	first := r.next()
	if first.event != "snapshot" || first.Limits == nil || len(first.Blocks) != 1 || first.Chain.Name != "guide" {
		t.Fatalf("first message %+v", first)
	}
	s.authored(2, 30)
	s.tell(31, pipeline.Advertised{Candidate: candidate(2)})
	second := r.next()
	if second.event != "update" || second.Seq != first.Seq+1 || second.Limits != nil {
		t.Fatalf("second message %+v", second)
	}
	if len(second.Blocks) != 1 || second.Blocks[0].Number != 2 || second.Blocks[0].Stage != StageAdvertised {
		t.Errorf("an update has what changed, once: %+v", second.Blocks)
	}
	s.relay(9)
	third := r.next()
	if third.Seq != second.Seq+1 || len(third.Relay) != 1 || third.Blocks != nil || third.Chain != nil {
		t.Errorf("third message %+v", third)
	}

	t.Run("resumed", func(t *testing.T) {
		back := open(t, url, second.id)
		if m := back.next(); m.event != "update" || m.Seq != third.Seq || len(m.Relay) != 1 {
			t.Errorf("after %s came %+v", second.id, m)
		}
		s.relay(10)
		if m := back.next(); m.Seq != third.Seq+1 {
			t.Errorf("then came update %d", m.Seq)
		}
	})
	for name, id := range map[string]string{"of another run": "abc-1", "from the future": first.Run + "-99999", "no id": "¿"} {
		t.Run(name, func(t *testing.T) {
			if m := open(t, url, id).next(); m.event != "snapshot" {
				t.Errorf("%q got %s", id, m.event)
			}
		})
	}
}

// What happened while nobody looked is in the snapshot of the reader that comes back.
func TestResumeAfterAGap(t *testing.T) {
	s := newStory()
	url := serve(t, s.Board)
	r := open(t, url, "")
	first := r.next()
	r.body.Close()
	waitFor(t, func() bool { return s.readers() == 0 })
	s.whole(1)
	m := open(t, url, first.id).next()
	if m.event != "snapshot" || len(m.Blocks) != 1 {
		t.Errorf("%+v", m)
	}
}

func (b *Board) readers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.streams.readers)
}

func waitFor(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that within 20 s")
		}
	}
}

// stuck is a reader whose connection takes nothing more after the snapshot.
type stuck struct {
	http.ResponseWriter
	writes int
	ctx    context.Context
}

func (s *stuck) SetWriteDeadline(time.Time) error { return nil }

func (s *stuck) FlushError() error { return nil }

func (s *stuck) Write(b []byte) (int, error) {
	if s.writes++; s.writes > 2 {
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	return len(b), nil
}

func TestSlowReaderIsDropped(t *testing.T) {
	s := newStory()
	url := serve(t, s.Board)
	ctx, release := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() {
		s.Handler().ServeHTTP(&stuck{httptest.NewRecorder(), 0, ctx}, httptest.NewRequest("GET", "/events", nil))
		close(ended)
	}()
	waitFor(t, func() bool { return s.readers() == 1 })
	quick := open(t, url, "")
	quick.next()
	got := make(chan uint64, 1000)
	go func() {
		for range readerQueue + 8 {
			got <- quick.next().Seq
		}
		close(got)
	}()
	for n := range uint32(readerQueue + 8) {
		s.relay(n + 1)
		s.mu.Lock()
		s.flush()
		s.mu.Unlock()
		<-got
	}
	if n := s.readers(); n != 1 {
		t.Errorf("%d readers are left, want the quick one", n)
	}
	if m := len(s.streams.recent); m > keepUpdates {
		t.Errorf("%d updates are kept", m)
	}
	release()
	<-ended
}

func TestReadersAreLimited(t *testing.T) {
	s := newStory()
	url := serve(t, s.Board)
	var list []*stream
	for range MaxReaders {
		r := open(t, url, "")
		r.next()
		list = append(list, r)
	}
	res, err := http.Get(url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one reader too many got %s", res.Status)
	}
	list[0].body.Close()
	waitFor(t, func() bool { return s.readers() < MaxReaders })
	open(t, url, "").next()

	s.Close()
	if _, err := io.ReadAll(list[1].in); err != nil {
		t.Errorf("the end of the board ends a stream with %v", err)
	}
}

func TestPage(t *testing.T) {
	url := serve(t, New(Link{"RPC", "ws://127.0.0.1:9944"}))
	for path, want := range map[string]string{"/": "text/html", "/dashboard.css": "text/css", "/main.js": "text/javascript", "/mark.svg": "image/svg+xml", "/snapshot": "application/json"} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.HasPrefix(res.Header.Get("Content-Type"), want) || res.StatusCode != 200 {
			t.Errorf("%s: %s, %s", path, res.Status, res.Header.Get("Content-Type"))
		}
		if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, p)
		}
		for _, outside := range []string{"http://", "https://"} {
			if text := strings.ReplaceAll(string(body), "http://www.w3.org/", ""); strings.Contains(text, outside) {
				t.Errorf("%s names another server", path)
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		req, _ := http.NewRequest(method, url+"/events", nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, res.Status)
		}
	}
}
