// Capabilities that note in a link's gate what is written through them, while the link is copied. What is
// noted is noted when the call has ended, well or not: a copier that reads it then sees what the call did.
#pragma once

#include <memory>

#include "capability/blobstore.h"
#include "capability/key_value.h"
#include "host/link_gates.h"

namespace wattle::host {

std::shared_ptr<capability::KeyValue> recorded(std::shared_ptr<capability::KeyValue> store,
                                               std::shared_ptr<LinkGate> gate);
std::shared_ptr<capability::Blobstore> recorded(std::shared_ptr<capability::Blobstore> store,
                                                std::shared_ptr<LinkGate> gate);
// Other capabilities cannot be copied.
template <class Capability>
std::shared_ptr<Capability> recorded(std::shared_ptr<Capability> capability,
                                     const std::shared_ptr<LinkGate>&) {
  return capability;
}

}  // namespace wattle::host
