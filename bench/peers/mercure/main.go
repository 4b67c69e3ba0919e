// The Mercure hub, embedded as its documentation shows it: events in memory, and anybody may listen.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

func main() {
	address, key := os.Args[1], os.Args[2]
	hub, err := mercure.NewHub(
		mercure.WithAnonymous(),
		mercure.WithPublisherJWT([]byte(key), "HS256"),
		mercure.WithTransport(mercure.NewLocalTransport()),
		mercure.WithLogger(zap.NewNop()),
		mercure.WithWriteTimeout(0), // else a stream ends after ten minutes
	)
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/.well-known/mercure", hub)
	log.Fatal(http.ListenAndServe(address, nil))
}
