# Every target says what it does: make help prints it.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  = -s -w -X main.version=$(VERSION)
# The program has no HTTP/2 for webhooks (0.35 MB), and no zstd for files of an output (0.28 MB).
TAGS = nethttpomithttp2,timberjack_nozstd
COLD = $(shell grep -v '^\#' cmd/cold.txt)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Inputs a target, not seconds: before Go 1.27 a time that runs out may fail a target
# that has nothing wrong (go.dev/issue/75804).
FUZZTIME ?= 200000x
# Tests wait for most of their time, so more of them run than there are processors.
AT_ONCE = $(shell expr 2 \* $$(nproc))
# Tests of one goroutine: 28 s of a processor, for a race detector that finds nothing there.
ALONE = TestAHostileTextEnds|TestGeneratedRulesOfRealisticShapesMeanTheSame|TestWhatIsTooLargeIsAProblem|TestEachChangedByteIsNoticed|TestTheReadmeCompiles|TestExpressionsThatTakeOthersForEver|TestManyCorrelationsThatCountEachOther
ROUNDS ?= 3
EACH   ?= 2
GO ?= go

.DEFAULT_GOAL := help
.PHONY: help build run man generate test test-32 soak bench bench-claim bench-compare bench-once fuzz lint verify clean

help: ## print this
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

build: ## build bin/daemoneye-agent: static, stripped, with its version
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' $(COLD:%=-gcflags=%=-l) -o $(or $(BIN),bin/daemoneye-agent) ./cmd/daemoneye-agent

run: build ## build and run the agent with its defaults; Ctrl-C stops it
	@./bin/daemoneye-agent run

man: build ## write the manual pages of all commands to bin/man
	@mkdir -p bin/man && ./bin/daemoneye-agent man --folder bin/man

generate: ## build the programs for the kernel anew, with the clang that agent/collector/ebpf/c/CLANG names
	@for f in agent/collector/*/bpf/*.c agent/collector/ebpf/testdata/*.c; do echo "$$f"; ./agent/collector/ebpf/c/build.sh $$f $${f%.c}.o || exit 1; done

test: ## run the whole test suite, with and without the race detector
	@command -v $${CC:-cc} >/dev/null || { echo "make test: the race detector needs a C compiler: install gcc (Debian: apt-get install gcc)"; exit 1; }
	$(GO) test -p $(AT_ONCE) -parallel $(AT_ONCE) -vet=off ./... # make lint vets
	CGO_ENABLED=1 GORACE="$(GORACE) atexit_sleep_ms=50" $(GO) test -p $(AT_ONCE) -parallel $(AT_ONCE) -vet=off -race -skip '^($(ALONE))$$' ./ring/... ./frame/... ./router/... ./ipc/... ./agent/...

test-32: ## run the core's tests as 32-bit programs: 386, and arm where qemu-arm is installed, without the suite of ipc
	CGO_ENABLED=0 GOARCH=386 $(GO) test ./ring/... ./frame/... ./router/... ./ipc/...
	@if command -v qemu-arm >/dev/null; then CGO_ENABLED=0 GOARCH=arm $(GO) test -short -exec qemu-arm ./ring/... ./frame/... ./router/... ./ipc/internal/... ./ipc/policy; \
		else echo "arm is not tested: qemu-arm is not installed (Debian: apt-get install qemu-user)"; fi

soak: ## the long forms of all hostile clients, and times as well; kill and damage the alert store; an output that is down for days
	HOSTILE_SOAK=1 $(GO) test -count 1 -v -timeout 30m ./bench/hostile
	STORE_SOAK=1 $(GO) test -count 1 -v -timeout 2h -run 'Kill|Changed|Outage' ./agent/alert/... ./agent/output/stored

bench: ## measure everything (some 15 minutes) and write bench/out/report.md with its plots
	BENCH_REPORT=$(CURDIR)/bench/out BENCH_COMMAND='make bench ROUNDS=$(ROUNDS) EACH=$(EACH)' \
		$(GO) test -run '^$$' -bench . -skip '^BenchmarkClaim$$' -count $(ROUNDS) -benchtime $(EACH)s -timeout 2h ./bench
	@echo "the report is bench/out/report.md, for benchstat bench/out/bench.txt"

bench-claim: ## measure 10,000 msg/s and less than 1 ms alone, in less than a minute
	$(GO) test -run '^$$' -bench '^BenchmarkClaim$$' -count 3 -benchtime 800ms ./bench

bench-compare: ROUNDS = 9
bench-compare: EACH = 0.5
bench-compare: ## measure this tree beside the commit BASE, in turn (6 to 7 minutes): BASE=v1.0
	$(GO) run ./bench/compare -base '$(BASE)' -rounds $(ROUNDS) -seconds $(EACH) -out bench/out

bench-once: ## compile and run every benchmark once
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 15m ./...

fuzz: ## fuzz each target with FUZZTIME inputs, or for a time
	@for t in $$($(GO) test -list '^Fuzz' ./fuzz | grep '^Fuzz'); do \
		$(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1000x ./fuzz || exit 1; done

lint: ## gofmt, vet for five architectures, staticcheck
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt would change: $$files"; exit 1; }
	@for a in amd64 arm64 386 arm riscv64; do echo "vet for $$a"; GOARCH=$$a $(GO) vet ./... || exit 1; done
	$(GO) run $(STATICCHECK) ./...

verify: ## check the ring's protocol exhaustively with the model checker spin
	./ring/verify/run.sh

clean: ## remove what was built
	rm -rf bin bench/out
