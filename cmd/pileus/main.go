// Command pileus runs parachains through asynchronous backing on one machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"pileus"
)

// Exit codes, the same for every command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// exitHelp is the last paragraph of every help.
func exitHelp(ok, failed string) string {
	return "\n\nExit codes: 0 " + ok + ";\n1 " + failed + ";\n2 wrong flags or values; 130 interrupted."
}

// usageError is a wrong flag or value.
type usageError struct{ error }

// errInterrupted and errNothing choose an exit code; what is to be said has been said.
var (
	errInterrupted = errors.New("interrupted")
	errNothing     = errors.New("no block could be authored")
)

func main() {
	heapMayGrow(50) // at the start much is large and lives for a moment
	os.Exit(run(os.Args[1:]))
}

// heapMayGrow says by how many percent the heap may grow between collections, unless the
// environment does.
func heapMayGrow(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// boundStart bounds what the start of a chain takes: beyond it the collector works harder.
// wazero takes memory by how much code it compiles, most of it for a moment; the largest of
// it, when it writes a file of machine code, would come on top of what was not collected yet.
// The file is what the code comes in; more than the code in it makes the bound only wider.
func boundStart(s *pileus.Settings) {
	file, perByte := s.Chain, int64(26) // hex of compressed code
	if s.Wasm != "" {
		file, perByte = s.Wasm, 52
	}
	if info, err := os.Stat(file); err == nil && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(130<<20 + perByte*info.Size())
		heapMayGrow(100)
	}
}

// started is when a chain runs: what reading and compiling took is given back.
func started(percent int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
	debug.FreeOSMemory()
	heapMayGrow(percent)
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { <-ctx.Done(); stop() }() // a second ctrl-C ends the process at once

	return report(newRoot(args).ExecuteContext(ctx))
}

// newRoot is the command tree, ready to execute args.
func newRoot(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "pileus",
		Short:         "Parachains through asynchronous backing, in one process",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{errors.New(flagWords(err))} })
	root.AddCommand(simulateCommand(), devCommand(), rehearseCommand(), explainCommand(), checkCommand(), validateCommand(), runtimeCommand(), chainSpecCommand(), exportGenesisHeadCommand(), exportGenesisWasmCommand(), newCommand(), versionCommand())
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	explainExits(root)
	root.SetArgs(args)
	return root
}

// explainExits gives the exit codes to the help of every command that has nothing of its own to say about them.
func explainExits(cmd *cobra.Command) {
	if !strings.Contains(cmd.Long, "Exit codes: ") {
		if cmd.Long == "" {
			cmd.Long = cmd.Short + "."
		}
		cmd.Long += exitHelp("done", "failed, as stderr says")
	}
	for _, c := range cmd.Commands() {
		explainExits(c)
	}
}

// parseNoise is what package strconv puts before its cause.
var parseNoise = regexp.MustCompile(`(strconv\.\w+|time): (parsing "[^"]*": |invalid duration "[^"]*"$)`)

// flagWords says what is wrong with a flag, without the names of functions.
func flagWords(err error) string {
	return strings.TrimSuffix(parseNoise.ReplaceAllString(err.Error(), ""), ": ")
}

// usageArgs makes wrong arguments usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check != nil {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
		}
		return nil
	}
}

// report says what went wrong, in one sentence, and chooses the exit code.
func report(err error) int {
	var usage usageError
	var setting *pileus.SettingError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "pileus: interrupted")
		return exitInterrupted
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errWarnings):
		return exitWarnings
	case errors.Is(err, errNothing):
		return exitFailed
	case errors.As(err, &usage), errors.As(err, &setting), isUnknownCommand(err):
		fmt.Fprintf(os.Stderr, "pileus: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "pileus: %v\n", err)
	return exitFailed
}

func isUnknownCommand(err error) bool {
	const words = "unknown command"
	s := err.Error()
	return len(s) > len(words) && s[:len(words)] == words
}
