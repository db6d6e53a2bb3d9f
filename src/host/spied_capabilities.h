// Capabilities through a spyglass: each call goes on to what it was meant for, and those who look see it.
#pragma once

#include <memory>
#include <string>

#include "capability/blobstore.h"
#include "capability/key_value.h"
#include "capability/messaging.h"
#include "capability/outgoing_http.h"
#include "capability/postgres.h"
#include "host/spies.h"

namespace wattle::host {

// Between whom calls go.
struct SpiedWay {
  SpyGlass& glass;  // outlives what is seen through it
  std::string target;
  std::string interface;
};

std::shared_ptr<capability::KeyValue> seen(SpiedWay way, std::shared_ptr<capability::KeyValue> through);
std::shared_ptr<capability::Blobstore> seen(SpiedWay way, std::shared_ptr<capability::Blobstore> through);
std::shared_ptr<capability::Messaging> seen(SpiedWay way, std::shared_ptr<capability::Messaging> through);
std::shared_ptr<capability::OutgoingHttp> seen(SpiedWay way,
                                               std::shared_ptr<capability::OutgoingHttp> through);
std::shared_ptr<capability::Postgres> seen(SpiedWay way, std::shared_ptr<capability::Postgres> through);

}  // namespace wattle::host
