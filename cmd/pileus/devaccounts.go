package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"pileus/dev"
)

// greetAccounts lists the accounts that have money, with their secrets, in lines of at most 80 columns.
func greetAccounts(out io.Writer, n *dev.Node) {
	accounts := n.Accounts()
	if len(accounts) == 0 {
		return
	}
	each := ""
	differ := slices.ContainsFunc(accounts, func(a dev.Account) bool { return a.Free != accounts[0].Free })
	if info, err := rpcInfo(n); err == nil && !differ {
		each = ", " + inTokens(accounts[0].Free, info.Properties) + " each"
	}
	fmt.Fprintf(out, "\n  Funded accounts%s. The secret URI is //NAME; below the\n  address stands its seed. Everybody knows these keys: never use them for\n  anything of value.\n\n", each)
	for _, a := range accounts {
		fmt.Fprintf(out, "  %-8s %s\n  %-8s 0x%s\n", a.Name, a.Address, "", hex.EncodeToString(a.Seed[:]))
	}
}

// inTokens writes a balance in the smallest unit as the chain's properties say: 1,000,000 UNIT.
func inTokens(free string, properties map[string]any) string {
	v, ok := new(big.Int).SetString(free, 10)
	decimals, known := properties["tokenDecimals"].(int)
	if !ok || !known || decimals < 0 || decimals > 38 {
		return free + " of the smallest unit"
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	whole, rest := new(big.Int).QuoRem(v, unit, new(big.Int))
	s := thousands(whole.String())
	if rest.Sign() > 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%0*s", decimals, rest), "0")
	}
	if symbol, ok := properties["tokenSymbol"].(string); ok {
		s += " " + symbol
	}
	return s
}

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
