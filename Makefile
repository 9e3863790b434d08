# The commands of this repository. They need Go and make; what else they use comes
# through the module proxy. The race detector (test, otp, soak, e2e) needs a C compiler.

GO ?= go
export GO
# DEV builds, tests and checks, and says meanwhile what it is doing. With cold caches it
# is compiled first, and -v shows that.
DEV = $(GO) run -v ./internal/dev
FUZZTIME ?= 30s
T ?= 10m
N ?= 2000
SEED ?= 1

.PHONY: demo survey test quick release from-a-clone format vet lint generated published cross soak otp leaks mutants e2e e2e-metrics picture check bench fuzz generate proto imports tidy

# demo converts the documentation and sources of the Go installation by plugins,
# which are processes, while those are killed, stopped, corrupted and replaced,
# and verifies the result against a plain loop. On a terminal, the page and the control
# socket stay up at the end, until Ctrl-C.
demo:
	@$(DEV) build ./examples/pluginhost
	@bin/pluginhost -chaos -verify -debug localhost:0 -control auto

# survey surveys the Go standard library with faults injected, and verifies the
# result against a plain loop.
survey:
	@$(DEV) build ./examples/survey
	@bin/survey -chaos -verify

# test runs the tests of all modules of go.work. The timeout is that of a package on a
# machine that is very busy.
test:
	@echo "make test: all tests, with the race detector; about 4 minutes on 2 cores, 15 with cold caches; make quick is shorter"
	@$(DEV) test -race -timeout 2h -- work

# quick runs the tests without the race detector, and without those that take long.
quick:
	@echo "make quick: the tests without the race detector and the longest ones; about a minute on 2 cores, 5 with cold caches"
	@$(DEV) test -short -timeout 2h -- work

# soak runs random cases on the engine and on the model of its contract for T,
# and then a million children.
soak:
	$(GO) test -race -v -timeout 0 -run 'TestTheEngineDoesWhatTheModelSays' ./sup_test -soak $(T)
	SOAK=1 $(GO) test -v -count 1 -run 'TestAMillionChildren' ./sup_test

# otp runs N random scenarios on Erlang's own supervisor and on ours, and compares
# the traces; where there is no Erlang, only those that were recorded.
otp:
	@if command -v escript >/dev/null; then \
		$(GO) test -race -v -timeout 30m -run 'TestErlangsSupervisorDoesWhatTheEngineDoes' ./sup_test -otp $(N) -otp.seed $(SEED); \
	else \
		echo "otp: SKIPPED: there is no escript. On Debian: apt-get install erlang-base"; \
		echo "otp: instead, what was recorded of Erlang's supervisor is replayed"; \
		$(GO) test -race -run 'TestTheEngineDoesWhatErlangsSupervisorDid' ./sup_test; \
	fi

# leaks runs all tests with the profile of leaked goroutines, which must be empty.
leaks:
	GOEXPERIMENT=goroutineleakprofile $(GO) test -timeout 30m work

# mutants breaks the engine on purpose, in many ways, and finds that the tests
# notice each.
mutants:
	$(GO) run ./sup_test/mutants

# e2e tests the page of sup/debug in headless Chromium. It installs what it needs,
# or says what is missing.
e2e:
	@set -e; flags=$$(sup/debug/e2e/setup.sh); GOEXPERIMENT=goroutineleakprofile $(GO) test -race -v -count 1 ./sup/debug/e2e -args $$flags

# e2e-metrics loads the alert rules and the dashboard of examples/observability into
# a real Prometheus, which scrapes a tree in trouble, and finds that all queries have
# data. It fails without Prometheus, and says what to install.
e2e-metrics:
	$(GO) test -race -v -count 1 -tags e2e ./examples/observability

# picture takes the picture of it that README shows.
picture:
	@set -e; flags=$$(sup/debug/e2e/setup.sh); $(GO) test -count 1 -run TestAPictureOfThePage ./sup/debug/e2e -args $$flags -picture $(CURDIR)/sup/debug/page.png

# check checks everything that is not a test. Each of its steps is a target too.
check:
	@echo "make check: formatting, vet, staticcheck, generated files, modules as users get them, other systems; about a minute on 2 cores, 10 with cold caches"
	@$(DEV) steps format lint generated published vet cross

format:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet work

lint:
	$$(cd tools && GOWORK=off $(GO) tool -n staticcheck) work

# generated finds builders of declared trees that are stale. Those of messages are
# checked by tests.
generated:
	$(GO) tool supgen -check ./...

# published builds each module as its users get it.
published:
	tools/published.sh

# cross vets for other systems what depends on the system.
cross:
	@set -e; for os in darwin freebsd windows; do echo "GOOS=$$os go vet ./sup/proc ./sup/remote ./sup/systemd ./sup/plugin"; GOOS=$$os $(GO) vet ./sup/proc ./sup/remote ./sup/systemd ./sup/plugin; done

# from-a-clone runs the commands of docs/from-a-clone.md.
from-a-clone:
	tools/from-a-clone.sh

# release says what a release would tag, and what stands in its way. TAG=1 creates the
# tags, SET=v0.2.0 lets the modules require each other at that version.
release:
	@$(DEV) release $(if $(SET),-set=$(SET)) $(if $(TAG),-tag)

# bench prints BENCHMARKS.md: what is measured, how to read it, and the table of
# a run on this machine. It says on the standard error how far it has got.
bench:
	@cd sup_test/peers && GOWORK=off $(GO) run .

# fuzz runs every fuzz test for FUZZTIME.
fuzz:
	@set -e; for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' .); do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$f); do \
			echo "$$name in $$(dirname $$f)"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$(dirname $$f); \
		done; \
	done

# generate writes the builders of all declared trees; check tells if one is stale.
generate:
	$(GO) generate work

# proto generates the code of the messages of sup/remote and of
# examples/pluginhost; a test of each tells if it is stale. It builds buf first,
# which takes minutes.
proto:
	cd tools/proto && GOWORK=off $(GO) build -o ../../bin/ tool
	cd sup/remote/internal/proto && PATH="$(CURDIR)/bin:$$PATH" buf lint && PATH="$(CURDIR)/bin:$$PATH" buf generate
	$(GO) test ./sup/remote/internal/wire -run TestTheGeneratedCodeIsUpToDate -update
	cd examples/pluginhost/content && PATH="$(CURDIR)/bin:$$PATH" buf lint && PATH="$(CURDIR)/bin:$$PATH" buf generate

# imports accepts what sup and kv bring into a program, which check compares.
imports:
	tools/published.sh -update

# tidy runs go mod tidy in all modules that users can get.
tidy:
	tools/published.sh -tidy
