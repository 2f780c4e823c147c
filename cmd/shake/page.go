package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// page is a terminal that is redrawn whole after every change. It uses the second screen, so that
// the first one comes back at the end.
type page struct {
	w    io.Writer
	size func() (width, height int)
	last [2]int
}

// newPage makes a page on w; nil if w is not a terminal, or is one that calls itself dumb.
func newPage(w io.Writer) *page {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &page{w: w, size: func() (int, int) {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
		return 80, 24
	}}
}

// open changes to the second screen and hides the cursor.
func (p *page) open() { io.WriteString(p.w, "\x1b[?1049h\x1b[?25l\x1b[2J") }

// close changes back and leaves the last picture on the first screen.
func (p *page) close(v *view) {
	io.WriteString(p.w, "\x1b[?25h\x1b[?1049l")
	width, _ := p.size()
	for _, l := range v.lines(width - 1) {
		fmt.Fprintln(p.w, l)
	}
}

// keep draws the view with every change, until ctx ends or the watcher does.
func (p *page) keep(ctx context.Context, done <-chan struct{}, v *view) {
	resized := time.NewTicker(500 * time.Millisecond)
	defer resized.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case <-v.changed:
			// The cards are read one after the other: wait for the last of them, within reason.
			time.Sleep(20 * time.Millisecond)
			p.draw(v)
		case <-resized.C:
			if w, h := p.size(); p.last != [2]int{w, h} {
				p.draw(v)
			}
		}
	}
}

// draw writes the page: every line over the old one, and blank below. Lines beyond the height are
// left out, with a remark.
func (p *page) draw(v *view) {
	width, height := p.size()
	var b strings.Builder
	if p.last != [2]int{width, height} {
		b.WriteString("\x1b[2J")
		p.last = [2]int{width, height}
	}
	lines := v.lines(width - 1)
	foot := "Ctrl-C ends"
	if room := height - 1; len(lines) > room {
		lines = lines[:max(room, 0)]
		foot = "Ctrl-C ends; a higher window shows more"
	}
	b.WriteString("\x1b[H")
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\r\n")
	}
	b.WriteString(cut(foot, width-1) + "\x1b[K\x1b[J")
	io.WriteString(p.w, b.String())
}
