package byhand

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

func TestACustomerPays(t *testing.T) {
	ctx, s := t.Context(), NewService()
	if err := s.customers.Start(ctx); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/pay/{customer}", s.pay)
	for range 2 {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("POST", "/pay/ada", nil))
		if w.Code != http.StatusOK {
			t.Error(w.Code, w.Body)
		}
	}
	if err := s.customers.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if cents, _ := s.balances.Get("ada"); cents != 200 {
		t.Error(cents)
	}
}

func TestTheTreeIsDeclaredWithoutFaults(t *testing.T) {
	ctx, s := t.Context(), NewService()
	without := sup.New(sup.Spec[sup.Worker]{Name: "service", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "db", Start: sup.Adapt(newDB)},
	}})
	s.tree = without // the address of the real one may be in use
	if err := s.tree.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.query(ctx); err != nil {
		t.Error(err)
	}
	if err := s.addAtRunTime(ctx); err != nil {
		t.Error(err)
	}
	if err := s.tree.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
