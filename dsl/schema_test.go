package dsl

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"shake/internal/golden"
)

func readSchema(t *testing.T) object {
	t.Helper()
	var s object
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaFile(t *testing.T) { golden.Compare(t, "schema.json", string(Schema())) }

func TestSchemaTakesEveryNet(t *testing.T) {
	schema := readSchema(t)
	files, _ := filepath.Glob("../nets/*.toml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "#:schema ../dsl/schema.json\n") {
			t.Errorf("%s does not start with the line that leads an editor to the schema", file)
		}
		n, errs := decode(file, string(text))
		if errs != nil {
			t.Fatal(errs)
		}
		for _, e := range violations(schema, asJSON(t, n), "") {
			t.Errorf("%s: %s", file, e)
		}
		s, err := builtin.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		if n, errs = decode("resolved", string(s.TOML())); errs != nil {
			t.Fatal(errs)
		}
		for _, e := range violations(schema, asJSON(t, n), "") {
			t.Errorf("%s, resolved: %s", file, e)
		}
	}
	if len(files) != 18 {
		t.Errorf("%d files", len(files))
	}
}

// TestSchemaAgrees gives every key values of every type, at and beyond its bounds, and expects the
// parser and the schema to say the same of them.
func TestSchemaAgrees(t *testing.T) {
	schema := readSchema(t)
	values := []string{"-1", "0", "1", "2", "3", "7", "100", "101", "255", "256", "1000", "1001", "8192", "8193", "50000", "50001", "65536", "65537", "3000000000",
		"-0.5", "0.0", "0.5", "1.0", "2.5", "1e3", "inf", "nan", "true", "false", `""`, `"x"`, `"S-E-I"`, `"even"`, `"image"`, `"none"`, `"cosine"`, `"synthetic"`, `"3x3"`, `"33x3"`, `"conv3x3"`, `"relu"`, `"linear"`,
		"[]", "[1]", "[0, 1]", "[0, 0.5, 1]", "[1, 2, 256]", "[0, 1, 2, 3]", `["relu"]`, `["conv0x1"]`, `["conv32x32"]`, `[{ conv = "3x3" }]`, `[{ out = 1 }]`, `[{ conv = "3x3", stride = true, groups = 0 }]`,
		`[{ width = 1, blocks = 1 }]`, `[{ width = 1 }]`, `[{ epochs = 1, lr = 0.5 }]`, `[{ epochs = 1, lr = 0.5, x = 1 }]`, "{}", "{ x = 1 }", "2026-01-01"}
	paths := append(allKeys(language, ""), "net.stage[1].width", "net.stage[2].stride", "net.stage[1].blocks", "net.stage[1].none",
		"net.stem[1].conv", "net.stem[1].out", "net.stem[1].groups", "net.stem[1].stride", "net.stem[1].pad", "net.stem[1].none", "net.stem[2]", "net.branch[1]", "net.head[1]", "none", "train.none", "data.mean[1]")
	base, err := decode("x.toml", whole)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, path := range paths {
		for _, v := range values {
			if path == "extends" || path == "net.stem[1].stride" && v == "true" || path == "name" && v == `""` {
				continue // these mean more than their type says
			}
			o, err := parseOverride(path + "=" + v)
			if path == "extends" || err != nil {
				t.Fatal(err)
			}
			root, err := o.apply(base)
			if err != nil {
				t.Fatal(err)
			}
			c := newChecker(language)
			c.table(language, root, "", &Spec{})
			bySchema := violations(schema, asJSON(t, root), "")
			if (len(c.errs) == 0) != (len(bySchema) == 0) && !neededOnlyByParser(c.errs) {
				t.Errorf("%s = %s:\nparser: %v\nschema: %v", path, v, c.errs, bySchema)
			}
			refused += min(1, len(c.errs))
		}
	}
	if refused < 1000 {
		t.Errorf("only %d values were refused", refused)
	}
}

// neededOnlyByParser: the place of a layer decides whether it must say its channels, which a schema
// cannot know.
func neededOnlyByParser(es Errors) bool {
	for _, e := range es {
		if !strings.HasPrefix(e.Want, "a conv with its output channels") && !strings.Contains(e.Want, "only a block has") {
			return false
		}
	}
	return true
}

func asJSON(t *testing.T, n *node) any {
	t.Helper()
	text, err := json.Marshal(jsonSafe(n.plain()))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// jsonSafe replaces values that JSON has no word for, infinite numbers and such, by null, and marks
// floats that are whole, since a TOML float is no integer.
func jsonSafe(v any) any {
	switch v := v.(type) {
	case object:
		m := object{}
		for k, e := range v {
			m[k] = jsonSafe(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = jsonSafe(e)
		}
		return l
	case float64:
		if v-v != 0 {
			return nil
		}
		return object{"$float": v}
	}
	return v
}

// violations is as much of JSON Schema as Schema uses.
func violations(s object, v any, at string) (out []string) {
	fail := func(format string, args ...any) { out = append(out, at+": "+fmt.Sprintf(format, args...)) }
	isFloat, marked := false, v
	if m, ok := v.(object); ok && m["$float"] != nil {
		v, isFloat = m["$float"], true
	}
	num, isNum := v.(float64)
	list, isList := v.([]any)
	obj, isObj := v.(object)
	str, isStr := v.(string)
	for word, arg := range s {
		switch word {
		case "type":
			_, isBool := v.(bool)
			if ok := map[string]bool{"integer": isNum && !isFloat, "number": isNum, "boolean": isBool, "string": isStr, "array": isList, "object": isObj}[arg.(string)]; !ok {
				fail("not of type %v", arg)
			}
		case "enum":
			if isList || isObj || !slices.Contains(arg.([]any), v) {
				fail("none of %v", arg)
			}
		case "const":
			if isList || isObj || v != arg {
				fail("not %v", arg)
			}
		case "pattern":
			if isStr && !regexp.MustCompile(arg.(string)).MatchString(str) {
				fail("not like %v", arg)
			}
		case "minimum":
			if isNum && num < arg.(float64) {
				fail("below %v", arg)
			}
		case "maximum":
			if isNum && num > arg.(float64) {
				fail("above %v", arg)
			}
		case "exclusiveMinimum":
			if isNum && num <= arg.(float64) {
				fail("not above %v", arg)
			}
		case "exclusiveMaximum":
			if isNum && num >= arg.(float64) {
				fail("not below %v", arg)
			}
		case "minItems":
			if isList && len(list) < int(arg.(float64)) {
				fail("fewer than %v items", arg)
			}
		case "maxItems":
			if isList && len(list) > int(arg.(float64)) {
				fail("more than %v items", arg)
			}
		case "items":
			for i, e := range list {
				out = append(out, violations(arg.(object), e, fmt.Sprintf("%s[%d]", at, i+1))...)
			}
		case "properties":
			for name, sub := range arg.(object) {
				if e, is := obj[name]; is {
					out = append(out, violations(sub.(object), e, at+"."+name)...)
				}
			}
		case "additionalProperties":
			properties, _ := s["properties"].(object)
			for name := range obj {
				if properties[name] == nil {
					fail("no property %q", name)
				}
			}
		case "required":
			for _, name := range arg.([]any) {
				if isObj && obj[name.(string)] == nil {
					fail("no %v", name)
				}
			}
		case "not":
			if len(violations(arg.(object), marked, at)) == 0 {
				fail("matches not")
			}
		case "anyOf":
			if !slices.ContainsFunc(arg.([]any), func(sub any) bool { return len(violations(sub.(object), marked, at)) == 0 }) {
				fail("none of anyOf")
			}
		case "if":
			if len(violations(arg.(object), marked, at)) == 0 {
				out = append(out, violations(s["then"].(object), marked, at)...)
			}
		case "$schema", "title", "description", "default", "then":
		default:
			fail("the test does not know the word %q", word)
		}
	}
	return out
}
