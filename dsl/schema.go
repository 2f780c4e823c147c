package dsl

import (
	"encoding/json"
	"math"
	"strings"
)

// object is a JSON object; encoding/json writes its keys in order.
type object = map[string]any

// Schema returns the JSON Schema (draft 7) of the language, for editors: taplo finds it by the line
// "#:schema PATH" at the top of a file. It says what each key may be on its own. Conditions of
// several keys, such as shapes that fit, are the parser's alone. Its only callers are tests:
// TestSchemaFile holds schema.json to it.
func Schema() []byte {
	s := tableSchema(language, nil)
	s["$schema"] = "http://json-schema.org/draft-07/schema#"
	s["title"] = "shake"
	s["description"] = "A multi-branch convolutional network and how to train it."
	s["if"] = object{"not": object{"required": []string{"extends"}}}
	then := object{}
	var tables []string
	for _, k := range language {
		if k.kind == subtable {
			required := requiredNames(k.keys)
			if len(required) == 0 {
				continue
			}
			tables = append(tables, k.name)
			then[k.name] = object{"required": required}
		}
	}
	s["then"] = object{"required": tables, "properties": then}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // the language is fixed: only a fault in its declaration can come here
	}
	return append(text, '\n')
}

func tableSchema(keys []key, required []string) object {
	properties := object{}
	for _, k := range keys {
		properties[k.name] = k.schema()
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (k key) schema() object {
	var s object
	switch k.kind {
	case integer:
		s = k.boundsSchema("integer")
	case number:
		s = k.boundsSchema("number")
	case boolean:
		s = object{"type": "boolean"}
	case word:
		s = object{"enum": k.words}
	case text:
		s = object{"type": "string"}
		if k.name == "name" {
			s["pattern"] = nameForm.String()
		}
	case numbers:
		of := func(n int) object {
			return object{"type": "array", "items": k.boundsSchema("number"), "minItems": n, "maxItems": n}
		}
		if s = of(k.length()); k.length() == 3 {
			s = object{"anyOf": []any{s, of(1)}}
		}
	case sized:
		s = object{"anyOf": []any{k.boundsSchema("integer"), object{"type": "string", "pattern": sizePattern}}}
	case anyNumbers:
		s = object{"type": "array", "items": k.boundsSchema("number")}
	case kernel:
		s = object{"type": "string", "pattern": kernelPattern("")}
	case stride:
		s = object{"anyOf": []any{object{"const": true}, k.boundsSchema("integer")}}
	case layers:
		s = object{"type": "array", "items": layerSchema(k.words)}
	case wordOrLayers:
		s = object{"anyOf": []any{object{"enum": k.words}, object{"type": "array", "items": layerSchema(k.items), "minItems": 1}}}
	case rising:
		one := k.boundsSchema("integer")
		s = object{"anyOf": []any{one, object{"type": "array", "items": one, "minItems": 2, "maxItems": 2}}}
	case subtables:
		s = object{"type": "array", "items": tableSchema(k.keys, requiredNames(k.keys))}
	case subtable:
		s = tableSchema(k.keys, nil)
		if k.words != nil {
			s = object{"anyOf": []any{object{"enum": k.words}, s}}
		}
	}
	if k.least > 0 {
		s["minItems"] = k.least
	}
	s["description"] = k.doc
	if k.def != "" {
		s["default"] = mustDecode(k.def).plain()
	}
	return s
}

func (k key) boundsSchema(kind string) object {
	low, high := "minimum", "maximum"
	if k.above {
		low = "exclusiveMinimum"
	}
	if k.below {
		high = "exclusiveMaximum"
	}
	s := object{"type": kind, low: k.min}
	if !math.IsInf(k.max, 1) {
		s[high] = k.max
	}
	return s
}

// layerSchema is the schema of one layer of a list of these kinds.
func layerSchema(kinds []string) object {
	var words []string
	var forms []any
	for _, w := range kinds {
		name, windowed := strings.CutSuffix(w, "RxS")
		if windowed {
			forms = append(forms, object{"type": "string", "pattern": kernelPattern(name)})
		} else if w != "dropout" {
			words = append(words, w)
			continue
		}
		keys := layerKeys(kinds, func(n string) bool { return n == name })
		forms = append(forms, tableSchema(keys, requiredNames(keys)))
	}
	return object{"anyOf": append([]any{object{"enum": words}}, forms...)}
}

// kernelPattern matches prefix and a kernel of 1 to 32 by 1 to 32.
func kernelPattern(prefix string) string {
	const side = "([1-9]|[12][0-9]|3[0-2])"
	return "^" + prefix + side + "x" + side + "$"
}

func requiredNames(keys []key) []string {
	var ns []string
	for _, k := range keys {
		if k.required() {
			ns = append(ns, k.name)
		}
	}
	return ns
}

// plain returns the value as encoding/json takes it.
func (n *node) plain() any {
	switch v := n.value.(type) {
	case []*node:
		list := []any{}
		for _, e := range v {
			list = append(list, e.plain())
		}
		return list
	case table:
		t := object{}
		for k, e := range v {
			t[k] = e.plain()
		}
		return t
	default:
		return v
	}
}
