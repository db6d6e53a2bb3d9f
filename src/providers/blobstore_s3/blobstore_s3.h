// wasi:blobstore on S3, or what speaks its protocol: a container is a bucket.
//
// Settings of a link (or, as defaults, of the provider):
//
//   access_key_id, secret_access_key, session_token   credentials; better secrets than configs
//   region          us-east-1
//   bucket_region   of buckets that are made; as region
//   endpoint        http://HOST:PORT of another service; https://s3.REGION.amazonaws.com
//   max_attempts    of one request, when the service is busy or cannot be reached; 3
//   tls_ca_file     PEM with the roots to trust
//   containers, alias_NAME, timeout_ms, ...   see providers/blobstore_provider.h
//   config_json, config_b64   all of these in one JSON object, as it is or in base64; those outside of it go
//                             before. {"aliases": {"NAME": "BUCKET"}} in it is alias_NAME
//
// Credentials are what is configured, and nothing else: AWS_... variables and files of the environment are
// not read, and sts_config, which asks to assume a role, is refused.
//
// Requests are path style and signed (signature version 4). Objects above 8 MiB are written in parts; if that
// fails, nothing is left.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers {

// "blobstore-s3"
std::unique_ptr<capability::ProviderFactory> blobstore_s3_factory();

}  // namespace wattle::providers
