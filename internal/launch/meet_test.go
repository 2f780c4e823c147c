package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func place(rank, world int) *Place {
	return &Place{Launcher: "a test", Rank: rank, World: world, Host: "127.0.0.1", Secret: fmt.Sprint("test ", os.Getpid())}
}

// Four ranks meet: rank 0 has a connection to each, and each peer has the rank that it claims.
func TestMeet(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "::1"} {
		if host == "::1" {
			l, err := net.Listen("tcp", "[::1]:0")
			if err != nil {
				continue // no IPv6 here
			}
			l.Close()
		}
		var all sync.WaitGroup
		for rank := range 4 {
			p := place(rank, 4)
			p.Host = host
			all.Go(func() {
				conns, err := p.Meet(context.Background(), 20*time.Second, nil)
				if err != nil {
					t.Errorf("%s: rank %d: %v", host, rank, err)
					return
				}
				defer closeAll(conns)
				if rank > 0 {
					fmt.Fprint(conns[0], rank)
					return
				}
				for r, c := range conns[1:] {
					b := make([]byte, 1)
					if _, err := io.ReadFull(c, b); err != nil || string(b) != fmt.Sprint(r+1) {
						t.Errorf("%s: connection %d says %q, %v", host, r+1, b, err)
					}
				}
			})
		}
		all.Wait()
	}
}

// Ranks that never come are named; strangers are refused, and said.
func TestMeetWithoutSome(t *testing.T) {
	zero := place(0, 4)
	var all sync.WaitGroup
	all.Go(func() {
		_, err := zero.Meet(context.Background(), 2*time.Second, nil)
		if err == nil || !strings.Contains(err.Error(), "rank 1, 3 of 4 (a test) did not come to 127.0.0.1 within 2s") || !strings.Contains(err.Error(), "another secret, of another job perhaps") {
			t.Errorf("rank 0: %v", err)
		}
	})
	all.Go(func() {
		conns, err := place(2, 4).Meet(context.Background(), 5*time.Second, nil)
		if err != nil {
			t.Errorf("rank 2: %v", err)
			return
		}
		if _, err := conns[0].Read(make([]byte, 1)); err == nil {
			t.Error("rank 2 is not left")
		}
	})
	all.Go(func() {
		stranger := place(3, 4)
		stranger.Port = zero.ports()[0] // its own ports are others
		stranger.Secret = "another"
		if _, err := stranger.Meet(context.Background(), time.Second, nil); err == nil || !strings.Contains(err.Error(), "refuses the secret") || !strings.Contains(err.Error(), "rank 3 (a test) did not reach rank 0 at 127.0.0.1 within 1s") {
			t.Errorf("the stranger: %v", err)
		}
	})
	all.Wait()
}

func TestMeetTwice(t *testing.T) {
	p := place(0, 3)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if conns, err := place(1, 3).Meet(context.Background(), 3*time.Second, nil); err == nil {
				defer conns[0].Close()
			}
		})
	}
	if _, err := p.Meet(context.Background(), 5*time.Second, nil); err == nil || !strings.Contains(err.Error(), "two processes say that they are rank 1 of 3") {
		t.Errorf("have %v", err)
	}
	all.Wait()
}

// A rank that believes in another number of ranks ends at once, and so does rank 0.
func TestMeetAnotherWorld(t *testing.T) {
	zero, other := place(0, 2), place(1, 3)
	const want = "launch: a process says that it is rank 1 of 3, and rank 0 that there are 2 ranks: start all with the same number"
	const wait = 2 * time.Minute
	from := time.Now()
	var all sync.WaitGroup
	for _, p := range []*Place{zero, other} {
		all.Go(func() {
			if _, err := p.Meet(context.Background(), wait, nil); err == nil || err.Error() != want {
				t.Errorf("rank %d: %v", p.Rank, err)
			}
		})
	}
	all.Wait()
	if d := time.Since(from); d > wait/2 {
		t.Errorf("it took %v", d)
	}
}

// Ranks that wait name the missing ones, and the strangers.
func TestMeetSays(t *testing.T) {
	before := patience
	patience = 300 * time.Millisecond
	defer func() { patience = before }()
	said := make([]string, 3)
	var all sync.WaitGroup
	meet := func(rank int, secret string) {
		p := place(rank, 3)
		p.Port = place(0, 3).ports()[0]
		p.Secret += secret
		all.Go(func() { p.Meet(context.Background(), time.Second, func(s string) { said[rank] = s }) })
	}
	meet(0, "")
	meet(1, "")
	meet(2, "!")
	all.Wait()
	for r, want := range []string{
		"rank 0 waits for rank 2 to come to 127.0.0.1, 1s at most: 127.0.0.1:", "", "rank 2 waits for rank 0 at 127.0.0.1, 1s at most: 127.0.0.1:",
	} {
		if !strings.HasPrefix(said[r], want) || want == "" && said[r] != "" {
			t.Errorf("rank %d says %q, want %q", r, said[r], want)
		}
	}
	if !strings.HasSuffix(said[0], "another secret, of another job perhaps") {
		t.Errorf("rank 0 says %q", said[0])
	}
}

// A port in use is passed over, unless it was asked for; an end of the context ends the wait.
func TestPorts(t *testing.T) {
	p := place(0, 2)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.ports()[0]))
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := p.Meet(ctx, 20*time.Second, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the next port: %v", err)
	}
	p.Port = p.ports()[0]
	if _, err := p.Meet(context.Background(), time.Second, nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is in use", p.Port)) || !strings.Contains(err.Error(), "SHAKE_PORT") {
		t.Errorf("the port asked for: %v", err)
	}
	other := place(0, 2)
	other.Secret += "!"
	if a, b := p.ports(), other.ports(); len(b) != tries || a[0] == b[0] {
		t.Errorf("ports of two jobs: %v and %v", a, b)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("LAUNCH_CHILD") != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

// child is a spawned process: it answers a word, and then does as it is told.
func child() int {
	c, err := Inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	b := make([]byte, 1)
	for {
		if _, err := c.Read(b); err != nil {
			return 0
		}
		switch b[0] {
		case 'e':
			fmt.Fprintln(os.Stderr, "first\nthe last words")
			return 3
		case 's':
			select {}
		}
		c.Write([]byte{b[0] + 1})
	}
}

func TestSpawn(t *testing.T) {
	t.Setenv("LAUNCH_CHILD", "1")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ order, want string }{{"", ""}, {"e", "exit status 3: the last words"}, {"s", "signal: killed"}} {
		p, err := Spawn(exe)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		p.Conn.Write([]byte("a"))
		if _, err := io.ReadFull(p.Conn, b); err != nil || b[0] != 'b' {
			t.Errorf("it answers %q, %v", b, err)
		}
		io.WriteString(p.Conn, c.order)
		if c.order == "s" {
			time.Sleep(50 * time.Millisecond)
		}
		p.Conn.(*net.UnixConn).CloseWrite()
		if have := p.Ended(); !strings.HasSuffix(have, c.want) || (c.want == "") != (have == "") {
			t.Errorf("%q: have %q, want %q", c.order, have, c.want)
		}
		p.Conn.Close()
	}
	if _, err := Spawn("/does/not/exist"); err == nil {
		t.Error("no such program")
	}
}
