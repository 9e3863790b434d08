// Package spelling is for words that somebody has mistyped.
package spelling

// Distance counts the insertions, deletions, substitutions and swaps of
// neighbours that make one word of the other, byte by byte. For words whose lengths
// are further than 3 apart it says 4.
func Distance(a, b string) int {
	if abs(len(a)-len(b)) > 3 {
		return 4
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func abs(n int) int { return max(n, -n) }
