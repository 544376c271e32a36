package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/agent/config"
)

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate holds the text of a file to the schema, as an editor does.
func validate(s *jsonschema.Schema, text []byte) error {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestTheSchemaTakesTheDefaultFile(t *testing.T) {
	var b bytes.Buffer
	if err := config.WriteDefault(&b); err != nil {
		t.Fatal(err)
	}
	if err := validate(compile(t, config.Schema()), b.Bytes()); err != nil {
		t.Error(err)
	}
}

// TestTheSchemaDescribesEachKey with its default and its help, under each name.
func TestTheSchemaDescribesEachKey(t *testing.T) {
	type node struct {
		Properties  map[string]node
		Description string
		Default     any
		Deprecated  bool
	}
	var top node
	if err := json.Unmarshal(config.Schema(), &top); err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		for _, name := range []string{k.Name, k.Alias} {
			n, ok := top, name != ""
			for part := range strings.SplitSeq(name, ".") {
				n = n.Properties[part]
			}
			if ok && (n.Default == nil || n.Description == "" || n.Deprecated != (name == k.Alias)) {
				t.Errorf("%s: %+v", name, n)
			}
		}
	}
}

func TestTheSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	s := compile(t, config.Schema())
	for _, text := range []string{
		"weather: fine", "broker: {max_conections: 5}", "broker: {max_connections: many}", "broker: {max_connections: 0}",
		"broker: {max_connections: \"5\"}", "broker: {max_connections:}", "broker: 5", "broker: {max_message_size: 5M}",
		"broker: {latency_budget: 5}", "broker: {latency_budget: soon}", "log: {level: loud}", "instance_id: ../x",
		"broker: {overflow_policies: conflate}", "broker: {overflow_policies: [block]}", "broker: {overflow_policies: [conflate, conflate]}",
		"broker: {enable_statistics: \"true\"}", "broker: {max_connections: [5]}", "collectors: {weather: {}}", "[]",
	} {
		if _, err := config.Parse("f", []byte(text)); err == nil {
			t.Errorf("the reader takes %s", text)
		}
		if err := validate(s, []byte(text)); err == nil {
			t.Errorf("the schema takes %s", text)
		}
	}
}

// TestTheSchemaTakesWhatTheReaderTakes: an editor must not underline what is right.
func TestTheSchemaTakesWhatTheReaderTakes(t *testing.T) {
	whole, small := compile(t, config.Schema()), compile(t, sampleKeys.Schema("a sample"))
	scalars := []string{"5", "0", "-1", "030", "1.5", "true", "info", "json", "poll", "none", "~", "1KiB", "40 KiB", "1.5MiB", "65536",
		"500ms", "1m30s", ".5s", "1d", "1d12h", "\"20\"", "'x'", "[conflate]", "[]", "{}", "{a: b}", "{a: 5, b: true}", "[one, two]"}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom(scalars)
		k := rapid.SampledFrom(config.Keys()).Draw(t, "key")
		text := value.Draw(t, "value")
		parts := strings.Split(k.Name, ".")
		for i := len(parts) - 1; i >= 0; i-- {
			text = fmt.Sprintf("{%s: %s}", parts[i], text)
		}
		if _, err := config.Parse("f", []byte(text)); err == nil {
			if err := validate(whole, []byte(text)); err != nil {
				t.Fatalf("the reader takes %s, and the schema says %v", text, err)
			}
		}
		text = fmt.Sprintf("name: %s\ntags: %s\nwords: %s\ndeep: {most: %s}\n",
			value.Draw(t, "name"), value.Draw(t, "tags"), value.Draw(t, "words"), value.Draw(t, "most"))
		if sampleKeys.Parse(new(sample), "f", []byte(text)).Err() == nil {
			if err := validate(small, []byte(text)); err != nil {
				t.Fatalf("the reader takes %s, and the schema says %v", text, err)
			}
		}
	})
}
