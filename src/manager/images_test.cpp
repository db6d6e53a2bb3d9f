#include "manager/images.h"

#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

TEST(Images, AnyVersionIsReplaced) {
  const ImageTable table = default_images();
  for (const char* image :
       {"ghcr.io/wasmcloud/http-server:0.28.0", "ghcr.io/wasmcloud/http-server",
        "oci://ghcr.io/wasmcloud/http-server:canary", "ghcr.io/wasmcloud/http-server@sha256:00",
        "ghcr.io/wasmcloud/http-server:1@sha256:00", "wasmcloud+builtin://http-server"})
    EXPECT_EQ(reference_of(table, image), "builtin://http-server") << image;
  for (const char* image : {"ghcr.io/wasmcloud/keyvalue-vault:0.12.0", "localhost:5000/http-server:1",
                            "builtin://http-server", "ghcr.io/other/http-server:0.28.0", ""})
    EXPECT_EQ(reference_of(table, image), image);
  for (const char* name : {"http-client", "keyvalue-redis", "keyvalue-nats", "blobstore-fs", "blobstore-s3",
                           "blobstore-nats", "messaging-nats", "sqldb-postgres"})
    EXPECT_EQ(reference_of(table, fmt::format("ghcr.io/wasmcloud/{}:9", name)),
              fmt::format("builtin://{}", name));
}

TEST(Images, VersionsStandBehindTheLastSlash) {
  EXPECT_EQ(without_version("localhost:5000/a/b"), "localhost:5000/a/b");
  EXPECT_EQ(without_version("localhost:5000/a/b:1"), "localhost:5000/a/b");
  EXPECT_EQ(without_version("a:1"), "a");
}

TEST(Images, TheTableReadsAsItIsWritten) {
  Problems problems;
  const ImageTable again = read_images(to_yaml(default_images()), problems);
  EXPECT_FALSE(problems.any_errors());
  EXPECT_EQ(again.images, default_images().images);
  EXPECT_EQ(again.interfaces, default_images().interfaces);
  EXPECT_EQ(read_images(to_yaml({}), problems).images.size(), 0u);
  const std::string digest = "ghcr.io/example/a-provider@sha256:" + std::string(64, '0');
  EXPECT_EQ(read_images("images: {a: '" + digest + "'}", problems).images.at("a"), digest);
  EXPECT_NE(to_yaml(ImageTable{{{"a", digest}}, {}}).find(digest), std::string::npos);
  EXPECT_FALSE(problems.any_errors());
}

TEST(Images, WhatIsNoTableIsRefused) {
  for (const char* text : {"", "a", "image: {}", "images: {a: 1}", "images: {a: ''}", "images: {a: 'b c'}",
                           "images: {'a/b:1': c}", "images: {\"a\\t\": b}"}) {
    Problems problems;
    read_images(text, problems);
    EXPECT_TRUE(problems.any_errors()) << text;
  }
}

TEST(Images, TheMoreExactInterfaceGoesFirst) {
  ImageTable table;
  table.interfaces = {{"a:b", "one"}, {"a:b/c", "two"}, {"a:b#x", "three"}};
  EXPECT_EQ(provider_of(table, "a", "b", "d", ""), "one");
  EXPECT_EQ(provider_of(table, "a", "b", "c", ""), "two");
  EXPECT_EQ(provider_of(table, "a", "b", "c", "x"), "three");
  EXPECT_EQ(provider_of(table, "a", "b", "c", "y"), "");
}

}  // namespace
}  // namespace wattle::manager
