package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed otp.escript
var otpScript []byte

// otp is Erlang's supervisor in a process that measures on request, so that it
// takes turns with the other contenders.
type otp struct {
	in  io.WriteCloser
	out *bufio.Reader
	dir string
	cmd *exec.Cmd
}

// startOTP returns nil if Erlang is not installed.
func startOTP() *otp {
	escript, err := exec.LookPath("escript")
	if err != nil {
		return nil
	}
	o := &otp{dir: must(os.MkdirTemp("", "otp"))}
	script := filepath.Join(o.dir, "otp.escript")
	check(os.WriteFile(script, otpScript, 0o600))
	o.cmd = exec.Command(escript, script)
	o.cmd.Stderr = os.Stderr
	o.in = must(o.cmd.StdinPipe())
	o.out = bufio.NewReader(must(o.cmd.StdoutPipe()))
	check(o.cmd.Start())
	return o
}

// otpRelease returns the number of the release, or "" if Erlang is not
// installed.
func otpRelease() string {
	release, err := exec.Command("erl", "-noshell", "-eval",
		`io:format("~s", [erlang:system_info(otp_release)]), halt().`).Output()
	if err != nil {
		return ""
	}
	return string(release)
}

func (o *otp) close() {
	if o == nil {
		return
	}
	check(o.in.Close())
	_ = o.cmd.Wait()
	_ = os.RemoveAll(o.dir)
}

func (o *otp) ask(command string, numbers ...int) float64 {
	for _, n := range numbers {
		command += " " + strconv.Itoa(n)
	}
	must(fmt.Fprintln(o.in, command))
	line := must(o.out.ReadString('\n'))
	return must(strconv.ParseFloat(strings.TrimSpace(line), 64))
}

func (o *otp) measure(ops int, command string, numbers ...int) func(m *meter) {
	return func(m *meter) { m.took(ops, time.Duration(o.ask(command, numbers...))) }
}

func (o *otp) start(n int) func(m *meter)             { return o.measure(n, "start", n) }
func (o *otp) stop(n int) func(m *meter)              { return o.measure(n, "stop", n) }
func (o *otp) storm(n int) func(m *meter)             { return o.measure(n, "storm", n) }
func (o *otp) round(n int) func(m *meter)             { return o.measure(n, "round", n) }
func (o *otp) churn(n, siblings int) func(m *meter)   { return o.measure(n, "churn", n, siblings) }
func (o *otp) restart(n, siblings int) func(m *meter) { return o.measure(n, "restart", n, siblings) }

// bytes returns the memory of an idle child.
func (o *otp) bytes(n int) float64 { return o.ask("bytes", n) / float64(n) }
