package dsl

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestPlaces(t *testing.T) {
	text := `# comment with = and [brackets]
a = 1 # [x]
b.c = "two # not a comment" # two
'quo"ted' = [1, "é", { d = true, e = [] }] , # not reached

[t . "u"]   # header
k	=	"""
"one" ""two""
""""
[[l]]
x = 1979-05-27 07:32:00
[[l]]
  x = 'c:\'
  y = [ # comment ]
    1,
    { z = 2,
      w = 3 }, # trailing
  ]
[l.sub]
v = 0x_
`
	text = strings.Replace(text, "] , # not reached", "]", 1)
	text = strings.Replace(text, "0x_", "0xff", 1)
	n, err := decode("f", text)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"a": "2:1 2:5 1", "b.c": "3:3 3:7 \"two # not a comment\"", "b": "3:1 3:1 b",
		`quo"ted`: "4:1 4:13 [1, \"é\", { d = true, e = [] }]", `quo"ted[2]`: "4:17 4:17 \"é\"", `quo"ted[3].d`: "4:24 4:28 true", `quo"ted[3].e`: "4:34 4:38 []",
		"t": "6:2 6:2 t", "t.u": "6:1 6:1 [t . \"u\"]", "t.u.k": "7:1 7:5 \"\"\"\n\"one\" \"\"two\"\"\n\"\"\"\"",
		"l": "10:1 10:1 [[l]]", "l[1]": "10:1 10:1 [[l]]", "l[1].x": "11:1 11:5 1979-05-27 07:32:00", "l[2]": "12:1 12:1 [[l]]", "l[2].x": "13:3 13:7 'c:\\'",
		"l[2].y[1]": "15:5 15:5 1", "l[2].y[2].z": "16:7 16:11 2", "l[2].y[2].w": "17:7 17:11 3", "l[2].sub": "19:1 19:1 [l.sub]", "l[2].sub.v": "20:1 20:5 0xff",
	} {
		e := find(n, key)
		if e == nil {
			t.Errorf("%s: not there", key)
			continue
		}
		if have := fmt.Sprintf("%d:%d %d:%d %s", e.keyAt.line, e.keyAt.col, e.at.line, e.at.col, e.raw); have != want {
			t.Errorf("%s: want %s, have %s", key, want, have)
		}
	}
}

// find follows a key such as l[2].x.
func find(n *node, key string) *node {
	if key == "" || n == nil {
		return n
	}
	if key[0] == '[' {
		var i int
		fmt.Sscanf(key, "[%d]", &i)
		list, _ := n.value.([]*node)
		if i > len(list) {
			return nil
		}
		return find(list[i-1], strings.TrimPrefix(key[strings.IndexByte(key, ']')+1:], "."))
	}
	name := key
	if i := strings.IndexAny(key, ".["); i >= 0 {
		name = key[:i]
	}
	t, _ := n.value.(table)
	return find(t[name], strings.TrimPrefix(key[len(name):], "."))
}

// FuzzPlaces holds the scanner against the TOML library: the text that is marked as a value's must
// be that value's.
func FuzzPlaces(f *testing.F) {
	for _, s := range append(seeds(), "a = [[1], [{b = 'c'}]]\n", "\"\\u0061\" = 1", "a.b.c = {d.e = 1, f = {}}", "a = '''\n'''''", "\ufeffa=1", "a=1\r\nb=2\r\n",
		"a=1\na.b=2", "[]\n", "\"a", "a=[=", "a={=}", "a=\"\"\"\\\"\"\"\"", "\"\\z\"=1") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scan(text) // ends, whatever the text
		n, err := decode("f", text)
		if err != nil {
			checkErrors(t, err)
			return
		}
		checkPlaces(t, n, "")
	})
}

func checkPlaces(t *testing.T, n *node, key string) {
	switch v := n.value.(type) {
	case table:
		for name, e := range v {
			checkPlaces(t, e, key+"."+name)
		}
	case []*node:
		for i, e := range v {
			checkPlaces(t, e, fmt.Sprintf("%s[%d]", key, i+1))
		}
	default:
		var again struct{ V any }
		if _, err := toml.Decode("V = "+n.raw, &again); err != nil || fmt.Sprint(again.V) != fmt.Sprint(v) || !reflect.DeepEqual(reflect.TypeOf(again.V), reflect.TypeOf(v)) {
			t.Fatalf("%s at %d:%d: %q says %v (%v), not %v", key, n.at.line, n.at.col, n.raw, again.V, err, v)
		}
	}
}
