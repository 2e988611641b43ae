// Command kube-apiserver is Kubernetes' own API server, built from its published modules: that of k8s.io/kubernetes alone can't be
// installed by `go install`, because its go.mod replaces the others by folders of its repository.
package main

import (
	"os"
	_ "time/tzdata"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
