// NATS keys: ed25519 key pairs whose text says what they are for (a user's public key begins with U, its seed
// with SU), and x25519 pairs ("xkeys", X) that seal a message for one reader.
//
//   auto user = KeyPair::generate(KeyKind::user);
//   auto signature = user.sign(nonce);
//   user.public_key();   // "UA..."
//
//   auto host = CurveKeyPair::generate();
//   auto sealed = host.seal(secret, provider_public_key);
//
// The text: base32 without padding of a prefix, the key's 32 bytes and their CRC-16. Seeds are wiped from
// memory when their pair goes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::nats {

// Each with the prefix byte that makes its letter. server, module and provider are wasmCloud's hosts,
// components and providers.
enum class KeyKind : uint8_t {
  account = 0,          // A
  cluster = 2 << 3,     // C
  module = 12 << 3,     // M
  server = 13 << 3,     // N
  operator_ = 14 << 3,  // O
  user = 20 << 3,       // U
  provider = 21 << 3,   // V
  curve = 23 << 3,      // X
};

class KeyPair {
 public:
  // Precondition: `kind` is not curve.
  static KeyPair generate(KeyKind kind);
  // Refused (malformed): text that is no seed; (invalid_argument): a seed of another sort (curve).
  static Result<KeyPair> from_seed(std::string_view seed);
  ~KeyPair();
  KeyPair(const KeyPair&) = default;
  KeyPair& operator=(const KeyPair&) = default;

  KeyKind kind() const { return kind_; }
  std::string public_key() const;
  // The secret, as text.
  std::string seed() const;
  std::array<uint8_t, 64> sign(std::string_view bytes) const;

 private:
  KeyPair(KeyKind kind, const std::array<uint8_t, 32>& seed);

  KeyKind kind_;
  std::array<uint8_t, 32> seed_;
  std::array<uint8_t, 32> public_;
  std::array<uint8_t, 64> secret_;
};

// Whether `signature` is that of the owner of `public_key` over `bytes`. Refused (malformed): text that is no
// public key.
Result<bool> verify(std::string_view public_key, std::string_view bytes, std::string_view signature);

// The kind of a public key's text. Refused (malformed): text that is none.
Result<KeyKind> kind_of_public_key(std::string_view public_key);

class CurveKeyPair {
 public:
  static CurveKeyPair generate();
  static Result<CurveKeyPair> from_seed(std::string_view seed);
  ~CurveKeyPair();
  CurveKeyPair(const CurveKeyPair&) = default;
  CurveKeyPair& operator=(const CurveKeyPair&) = default;

  std::string public_key() const;
  std::string seed() const;
  // For the owner of `reader` (an X key) alone: "xkv1", a nonce, and a NaCl box.
  Result<std::string> seal(std::string_view bytes, std::string_view reader) const;
  // What the owner of `writer` sealed for this pair. Refused (malformed): no sealed text;
  // (permission_denied): it is not from `writer`, not for this pair, or was changed.
  Result<std::string> open(std::string_view sealed, std::string_view writer) const;

 private:
  explicit CurveKeyPair(const std::array<uint8_t, 32>& secret);

  std::array<uint8_t, 32> secret_;
  std::array<uint8_t, 32> public_;
};

}  // namespace wattle::nats
