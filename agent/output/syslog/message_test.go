package syslog_test

import (
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
	"github.com/daemoneye/eventbus/agent/output/syslog"
)

// TestAnItemIsAMessageThatAReaderUnderstands, whatever stands in its texts.
func TestAnItemIsAMessageThatAReaderUnderstands(t *testing.T) {
	at := time.Date(2026, 11, 27, 17, 0, 0, 120_000_000, time.FixedZone("", 3600))
	tests := []struct {
		name, host, topic, wantHost, wantTopic string
	}{
		{"plain", "web-1", "events.a", "web-1", "events.a"},
		{"characters that end a value", "web-1", `a"b]c\d`, "web-1", `a"b]c\d`},
		{"bytes that are no UTF-8", "web-1", "a\xff\xfeb", "web-1", "a\uFFFDb"},
		{"a name with spaces and letters beyond ASCII", "wéb 1", "ä", "w_b_1", "ä"},
		{"no name of the host", "", "events.a", "", "events.a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := syslog.New(syslog.Options{Facility: "local7", Host: tt.host, PID: 7, Line: format.JSON})
			text := syslog.Encode(s, &output.Item{Kind: output.KindMessage, ID: "x-1", Seq: 9, Topic: tt.topic, Level: alert.Low, Time: at, Body: []byte("{\"a\":\"b]\\\"\"}")})
			parsed, err := rfc5424.NewParser().Parse([]byte(text))
			if err != nil {
				t.Fatalf("%v in %q", err, text)
			}
			m := parsed.(*rfc5424.SyslogMessage)
			host := ""
			if m.Hostname != nil {
				host = *m.Hostname
			}
			if *m.Priority != 23*8+5 || host != tt.wantHost || *m.ProcID != "7" || *m.MsgID != "message" || !m.Timestamp.Equal(at) {
				t.Errorf("header of %q", text)
			}
			p := (*m.StructuredData)["daemoneye@32473"]
			if len(p) != 4 || p["id"] != "x-1" || p["seq"] != "9" || p["topic"] != tt.wantTopic || p["level"] != "low" {
				t.Errorf("structured data %q of %q", p, text)
			}
			if *m.Message != `{"a":"b]\""}` {
				t.Errorf("message %q", *m.Message)
			}
		})
	}
}
