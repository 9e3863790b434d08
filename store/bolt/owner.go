package bolt

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// An Owner is the process that has a file open.
type Owner struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Since   time.Time `json:"since"`
}

// ownerPath is the path of the file that names the owner, beside the file itself, which
// nobody else can read while it is locked.
func ownerPath(path string) string { return path + ".owner" }

// writeOwner records this process as the owner. The record is a courtesy: without it, the
// error of a second process names no owner.
func writeOwner(path string) {
	host, _ := os.Hostname()
	owner := Owner{PID: os.Getpid(), Host: host, Program: filepath.Base(os.Args[0]), Since: time.Now().Truncate(time.Second)}
	if text, err := json.Marshal(owner); err == nil {
		os.WriteFile(ownerPath(path), append(text, '\n'), 0o644)
	}
}

func readOwner(path string) (owner Owner) {
	if text, err := os.ReadFile(ownerPath(path)); err == nil {
		json.Unmarshal(text, &owner)
	}
	return owner
}
