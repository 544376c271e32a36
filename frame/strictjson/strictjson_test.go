package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame/strictjson"
)

type inner struct {
	PIDs []uint32          `json:"pids,omitempty"`
	Tags map[string]string `json:"tags"`
	Min  *uint64           `json:"min"`
}

type kind string

// colour has a text of its own.
type colour int

func (c colour) MarshalText() ([]byte, error) { return []byte([]string{"", "red"}[c]), nil }

func (c *colour) UnmarshalText(b []byte) error {
	switch string(b) {
	case "":
		*c = 0
	case "red":
		*c = 1
	default:
		return errors.New("want red")
	}
	return nil
}

type spec struct {
	Raw    json.RawMessage `json:"raw"`
	Paint  colour          `json:"paint"`
	Name   string          `json:"name"`
	Kind   kind            `json:"kind"`
	Yes    bool            `json:"yes"`
	Small  int8            `json:"small"`
	Large  int64           `json:"large"`
	Byte   uint8           `json:"byte"`
	Most   uint64          `json:"most"`
	List   []string        `json:"list"`
	Inner  inner           `json:"inner"`
	Maybe  *inner          `json:"maybe"`
	Inners []inner         `json:"inners"`
	Not    func()          `json:"-"`
	hidden int             //lint:ignore U1000 a field that is not exported is no key
	Plain  int
}

func TestGoodTextsAreDecoded(t *testing.T) {
	nine := uint64(9)
	for text, want := range map[string]spec{
		`{}`:                             {},
		" \t\r\n{ } \n":                  {},
		`{"name":"a","kind":"b"}`:        {Name: "a", Kind: "b"},
		`{"na\u006de":"a"}`:              {Name: "a"},
		`{"name":null,"maybe":null}`:     {},
		`{"yes":true,"Plain":3}`:         {Yes: true, Plain: 3},
		`{"small":-128,"large":-0}`:      {Small: -128},
		`{"byte":255,"most":-0}`:         {Byte: 255},
		`{"most":18446744073709551615}`:  {Most: 1<<64 - 1},
		`{"large":9223372036854775807}`:  {Large: 1<<63 - 1},
		`{"large":-9223372036854775808}`: {Large: -1 << 63},
		`{"list":[]}`:                    {List: []string{}},
		`{"raw":null,"paint":null}`:      {},
		`{"raw": {"a":[1.5,true,null]} ,"paint":"r\u0065d"}`:                 {Raw: json.RawMessage(`{"a":[1.5,true,null]}`), Paint: 1},
		`{"list":["","x" , "y"]}`:                                            {List: []string{"", "x", "y"}},
		`{"name":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\uFFFD€` + "\x7f" + `"}`: {Name: "\"\\/\b\f\n\r\té😀\ufffd€\x7f"},
		`{"inner":{"pids":[0,4294967295],"tags":{"":"","é":"x"}}}`:           {Inner: inner{PIDs: []uint32{0, 1<<32 - 1}, Tags: map[string]string{"": "", "é": "x"}}},
		`{"maybe":{"min":9},"inners":[{},{"pids":[]}]}`:                      {Maybe: &inner{Min: &nine}, Inners: []inner{{}, {PIDs: []uint32{}}}},
	} {
		var got spec
		if err := strictjson.Unmarshal([]byte(text), &got, strictjson.Options{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(spec{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestBadTextsAreRefused has one case for each sentence of the package's manual,
// with the words that a peer gets.
func TestBadTextsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       "want an object, got the end of the text (byte 0 of the JSON)",
		`null`:                                   "want an object, got null (byte 0 of the JSON)",
		`[]`:                                     "want an object, got a list (byte 0 of the JSON)",
		`"{}"`:                                   "want an object, got a string (byte 0 of the JSON)",
		`{`:                                      `want a key, got the end of the text (byte 1 of the JSON)`,
		`{}{}`:                                   "something stands behind the object: an object (byte 2 of the JSON)",
		`{} x`:                                   "something stands behind the object: the character 'x' (byte 3 of the JSON)",
		`{"name"}`:                               "name: want ':' behind the key, got the character '}' (byte 7 of the JSON)",
		`{"name":"a",}`:                          `want a key, got the character '}' (byte 12 of the JSON)`,
		`{,}`:                                    `want a key, got the character ',' (byte 1 of the JSON)`,
		`{"name":"a" "b":1}`:                     `want a comma or '}', got a string (byte 12 of the JSON)`,
		`{"Name":"a"}`:                           `"Name": the key is unknown (byte 8 of the JSON)`,
		`{"colour":1}`:                           `colour: the key is unknown (byte 10 of the JSON)`,
		`{"paint":1}`:                            "paint: want a string, got a number (byte 9 of the JSON)",
		`{"paint":"green"}`:                      "paint: want red (byte 9 of the JSON)",
		`{"raw":{"a":1,"a":2}}`:                  "raw.a: the key stands twice (byte 14 of the JSON)",
		`{"raw":{"a":01}}`:                       "raw: want a comma or '}', got a number (byte 13 of the JSON)",
		`{"raw":}`:                               "raw: want a value, got the character '}' (byte 7 of the JSON)",
		`{"hidden":1}`:                           `hidden: the key is unknown (byte 10 of the JSON)`,
		`{"Not":1}`:                              `"Not": the key is unknown (byte 7 of the JSON)`,
		`{"-":1}`:                                `"-": the key is unknown (byte 5 of the JSON)`,
		`{"yes":true,"yes":true}`:                `yes: the key stands twice (byte 12 of the JSON)`,
		`{"yes":true,"\u0079es":true}`:           `yes: the key stands twice (byte 12 of the JSON)`,
		`{"inner":{"tags":{"a":"","a":""}}}`:     `inner.tags.a: the key stands twice (byte 25 of the JSON)`,
		`{"inner":{"colour":1}}`:                 `inner.colour: the key is unknown (byte 19 of the JSON)`,
		`{"name":1}`:                             "name: want a string, got a number (byte 8 of the JSON)",
		`{"yes":"true"}`:                         "yes: want true or false, got a string (byte 7 of the JSON)",
		`{"yes":tru}`:                            "yes: want true or false, got the character 't' (byte 7 of the JSON)",
		`{"list":"a"}`:                           "list: want a list, got a string (byte 8 of the JSON)",
		`{"list":["a",2]}`:                       "list[1]: want a string, got a number (byte 13 of the JSON)",
		`{"list":[null]}`:                        "list[0]: want a string, got null (byte 9 of the JSON)",
		`{"list":["a",]}`:                        "list[1]: want a string, got the character ']' (byte 13 of the JSON)",
		`{"list":["a"`:                           `list: want a comma or ']', got the end of the text (byte 12 of the JSON)`,
		`{"inner":[]}`:                           "inner: want an object, got a list (byte 9 of the JSON)",
		`{"inner":{"tags":{"a":null}}}`:          "inner.tags.a: want a string, got null (byte 22 of the JSON)",
		`{"inners":[{},{"pids":[1,-1]}]}`:        `inners[1].pids[1]: want an integer of 0 to 4294967295, got "-1" (byte 25 of the JSON)`,
		`{"byte":256}`:                           `byte: want an integer of 0 to 255, got "256" (byte 8 of the JSON)`,
		`{"small":-129}`:                         `small: want an integer of -128 to 127, got "-129" (byte 9 of the JSON)`,
		`{"large":9223372036854775808}`:          `large: want an integer of -9223372036854775808 to 9223372036854775807, got "9223372036854775808" (byte 9 of the JSON)`,
		`{"most":18446744073709551616}`:          `most: want an integer of 0 to 18446744073709551615, got "18446744073709551616" (byte 8 of the JSON)`,
		`{"byte":1.0}`:                           `byte: want an integer without fraction or exponent, got "1.0" (byte 8 of the JSON)`,
		`{"byte":1e2}`:                           `byte: want an integer without fraction or exponent, got "1e2" (byte 8 of the JSON)`,
		`{"byte":"1"}`:                           `byte: want a number, got a string (byte 8 of the JSON)`,
		`{"byte":01}`:                            `want a comma or '}', got a number (byte 9 of the JSON)`,
		`{"byte":-}`:                             `byte: not a number: "-}" (byte 8 of the JSON)`,
		`{"byte":1.}`:                            `byte: not a number: "1.}" (byte 8 of the JSON)`,
		`{"byte":1e}`:                            `byte: not a number: "1e}" (byte 8 of the JSON)`,
		`{"byte":+1}`:                            `byte: want a number, got the character '+' (byte 8 of the JSON)`,
		`{"name":"a`:                             "name: the text ends inside a string (byte 10 of the JSON)",
		`{"name":"\`:                             `name: an escape that stands for no character (byte 9 of the JSON)`,
		`{"name":"\x"}`:                          `name: an escape that stands for no character (byte 9 of the JSON)`,
		`{"name":"\u00g0"}`:                      `name: an escape that stands for no character (byte 9 of the JSON)`,
		`{"name":"\ud83d"}`:                      `name: an escape that stands for no character (byte 9 of the JSON)`,
		`{"name":"\ude00"}`:                      `name: an escape that stands for no character (byte 9 of the JSON)`,
		`{"name":"\ud83d\u0041"}`:                `name: an escape that stands for no character (byte 9 of the JSON)`,
		"{\"name\":\"a\nb\"}":                    "name: a control character inside a string must be escaped (byte 10 of the JSON)",
		"{\"name\":\"\\n\n\"}":                   "name: a control character inside a string must be escaped (byte 11 of the JSON)",
		"{\"name\":\"\xff\"}":                    "not UTF-8 (byte 9 of the JSON)",
		"{\"\xed\xa0\x80\":1}":                   "not UTF-8 (byte 2 of the JSON)",
		"\ufeff{}":                               `want an object, got the character '\ufeff' (byte 0 of the JSON)`,
		`{"` + strings.Repeat("k", 300) + `":1}`: `"` + strings.Repeat("k", 40) + `" and more: the key is unknown (byte 304 of the JSON)`,
	} {
		var into spec
		err := strictjson.Unmarshal([]byte(text), &into, strictjson.Options{})
		var e *strictjson.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: accepted", text)
			continue
		}
		if err.Error() != want {
			t.Errorf("%s:\n%s, want\n%s", text, err, want)
		}
	}
}

func TestUnknownKeysCanBeSkipped(t *testing.T) {
	skip := strictjson.Options{IgnoreUnknown: true}
	var got spec
	good := `{"later":{"a":[1.5e-3,-2,"x",true,false,null,{"b":{}}]},"name":"n","Name":"other"}`
	if err := strictjson.Unmarshal([]byte(good), &got, skip); err != nil || got.Name != "n" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		`{"later":{"a":1,"a":2}}`,
		`{"later":1,"later":2}`,
		`{"later":[1,]}`,
		`{"later":01}`,
		`{"later":nul}`,
		`{"later":tru}`,
		`{"later":"\ud800"}`,
		`{"later":}`,
		`{"later":[[[[[[[[1]]]]]]]]}`,
	} {
		if err := strictjson.Unmarshal([]byte(bad), &got, skip); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

func TestBoundsHold(t *testing.T) {
	text := []byte(`{"inner":{"pids":[1]}}`)
	var into spec
	for _, c := range []struct {
		o    strictjson.Options
		good bool
	}{
		{strictjson.Options{}, true},
		{strictjson.Options{MaxBytes: len(text), MaxDepth: 3}, true},
		{strictjson.Options{MaxBytes: len(text) - 1}, false},
		{strictjson.Options{MaxDepth: 2}, false},
	} {
		if err := strictjson.Unmarshal(text, &into, c.o); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	deep := strings.Repeat(`{"later":`, 100_000)
	if err := strictjson.Unmarshal([]byte(deep), &into, strictjson.Options{IgnoreUnknown: true}); err == nil {
		t.Error("100,000 objects inside each other: accepted")
	}
}

// TestMemoryIsInProportionToTheText takes the entries that are smallest in the text.
func TestMemoryIsInProportionToTheText(t *testing.T) {
	const n = 100_000
	for name, text := range map[string]string{
		"strings": `{"list":[""` + strings.Repeat(`,""`, n) + `]}`,
		"numbers": `{"inner":{"pids":[1` + strings.Repeat(`,1`, n) + `]}}`,
		"ignored": `{"later":[{}` + strings.Repeat(`,{}`, n) + `]}`,
	} {
		var before, after runtime.MemStats
		var into spec
		runtime.ReadMemStats(&before)
		err := strictjson.Unmarshal([]byte(text), &into, strictjson.Options{IgnoreUnknown: true})
		runtime.ReadMemStats(&after)
		// The slice grows in steps, and all of them count here.
		if took := after.TotalAlloc - before.TotalAlloc; err != nil || took > uint64(50*len(text)) {
			t.Errorf("%s: %d bytes for a text of %d, %v", name, took, len(text), err)
		}
	}
}

func TestWhatMarshalWritesIsRead(t *testing.T) {
	nine := uint64(9)
	want := spec{Name: "<é\u2028>", Small: -1, Most: 1 << 63, List: []string{"a"}, Inner: inner{Tags: map[string]string{"k": "v"}, Min: &nine}}
	type plain spec // encoding/json refuses the function, whatever its tag has
	text, err := json.Marshal(plain(want))
	if err != nil {
		t.Fatal(err)
	}
	var got spec
	if err := strictjson.Unmarshal(text, &got, strictjson.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(spec{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", text, diff)
	}
}

func TestMistakesOfTheCallerPanic(t *testing.T) {
	for name, into := range map[string]any{
		"no pointer":        spec{},
		"nil":               (*spec)(nil),
		"no struct":         new(map[string]string),
		"float":             &struct{ A float64 }{},
		"embedded":          &struct{ inner }{},
		"map with int keys": &struct{ A map[int]string }{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = strictjson.Unmarshal([]byte(`{"A":{}}`), into, strictjson.Options{})
		}()
	}
}

// A misspelt key is found, with its place, in words that show nothing of Go.
func ExampleUnmarshal() {
	var filter struct {
		PIDs []uint32 `json:"pids"`
	}
	err := strictjson.Unmarshal([]byte(`{"pids":[4711, 1e3]}`), &filter, strictjson.Options{MaxBytes: 64 << 10})
	fmt.Println(err)
	err = strictjson.Unmarshal([]byte(`{"PIDs":[4711]}`), &filter, strictjson.Options{})
	fmt.Println(err)
	// Output:
	// pids[1]: want an integer without fraction or exponent, got "1e3" (byte 15 of the JSON)
	// "PIDs": the key is unknown (byte 8 of the JSON)
}
