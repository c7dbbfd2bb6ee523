module portcullis.example/clients

go 1.26.0

require (
	github.com/ionos-cloud/sdk-go/v6 v6.3.11
	github.com/scaleway/scaleway-sdk-go v1.39.0
)

require (
	golang.org/x/oauth2 v0.30.0 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)
