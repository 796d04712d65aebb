package check

import (
	"fmt"
	"slices"
	"strings"

	"pileus/executor"
)

// offchain are functions that nodes have for offchain workers and for what surrounds a
// runtime, and that no block calls (sp-io 49, sp-statement-store 24,
// sp-transaction-storage-proof 44). Runtimes import them all the same.
var offchain = []string{
	"ext_offchain_is_validator", "ext_offchain_submit_transaction", "ext_offchain_network_state", "ext_offchain_timestamp", "ext_offchain_sleep_until",
	"ext_offchain_random_seed", "ext_offchain_local_storage_set", "ext_offchain_local_storage_clear", "ext_offchain_local_storage_compare_and_set",
	"ext_offchain_local_storage_get", "ext_offchain_http_request_start", "ext_offchain_http_request_add_header", "ext_offchain_http_request_write_body",
	"ext_offchain_http_response_wait", "ext_offchain_http_response_headers", "ext_offchain_http_response_read_body", "ext_offchain_set_authorized_nodes",
	"ext_offchain_index_set", "ext_offchain_index_clear", "ext_transaction_index_index", "ext_transaction_index_renew",
	"ext_statement_store_submit_statement", "ext_statement_store_statements", "ext_statement_store_broadcasts", "ext_statement_store_posted", "ext_statement_store_remove",
	"ext_wasm_tracing_enabled", "ext_wasm_tracing_enter_span", "ext_wasm_tracing_exit", "ext_panic_handler_abort_on_panic",
}

// hostFunctions is the row of what the code imports.
func (j *judge) hostFunctions() Row {
	have := executor.HostFunctions(executor.Node)
	validators := executor.HostFunctions(executor.PVF)
	var missing []string
	n, nodeOnly := 0, 0
	for _, i := range j.static.Imports {
		name, ours := strings.CutPrefix(i, "env.")
		if ours && name == "memory" {
			continue
		}
		n++
		stem, _, _ := strings.Cut(name, "_version_")
		_, known := have[name]
		if !ours || !known && !slices.Contains(offchain, stem) {
			missing = append(missing, i)
		} else if _, ok := validators[name]; !ok {
			nodeOnly++
		}
	}
	const expected = "only functions that nodes have"
	if len(missing) > 0 {
		return fails("unknown to nodes: "+strings.Join(missing, ", "), expected, []string{fmt.Sprintf("the import section has %d functions", n)})
	}
	return ok(fmt.Sprintf("%d functions; %d of them validators do not have", n, nodeOnly), expected, j.evidence("validate"))
}
