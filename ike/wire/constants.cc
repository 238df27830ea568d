#include "ike/wire/constants.h"

#include <fmt/format.h>

namespace espalier::ike::wire {

namespace {

constexpr std::string_view kUnknown = "unknown";

std::string describe_as(std::string_view name, std::string_view kind, unsigned number) {
  return name == kUnknown ? fmt::format("{} {}", kind, number) : std::string(name);
}

}  // namespace

std::string_view name_of(ExchangeType type) {
  switch (type) {
    case ExchangeType::kIkeSaInit:
      return "IKE_SA_INIT";
    case ExchangeType::kIkeAuth:
      return "IKE_AUTH";
    case ExchangeType::kCreateChildSa:
      return "CREATE_CHILD_SA";
    case ExchangeType::kInformational:
      return "INFORMATIONAL";
    case ExchangeType::kIkeSessionResume:
      return "IKE_SESSION_RESUME";
    case ExchangeType::kIkeIntermediate:
      return "IKE_INTERMEDIATE";
    case ExchangeType::kIkeFollowupKe:
      return "IKE_FOLLOWUP_KE";
  }
  return kUnknown;
}

std::string_view name_of(PayloadType type) {
  switch (type) {
    case PayloadType::kNone:
      return "none";
    case PayloadType::kSa:
      return "SA";
    case PayloadType::kKe:
      return "KE";
    case PayloadType::kIdi:
      return "IDi";
    case PayloadType::kIdr:
      return "IDr";
    case PayloadType::kCert:
      return "CERT";
    case PayloadType::kCertReq:
      return "CERTREQ";
    case PayloadType::kAuth:
      return "AUTH";
    case PayloadType::kNonce:
      return "Nonce";
    case PayloadType::kNotify:
      return "N";
    case PayloadType::kDelete:
      return "D";
    case PayloadType::kVendorId:
      return "V";
    case PayloadType::kTsi:
      return "TSi";
    case PayloadType::kTsr:
      return "TSr";
    case PayloadType::kSk:
      return "SK";
    case PayloadType::kCp:
      return "CP";
    case PayloadType::kEap:
      return "EAP";
    case PayloadType::kSkf:
      return "SKF";
  }
  return kUnknown;
}

std::string_view name_of(NotifyType type) {
  switch (type) {
    case NotifyType::kUnsupportedCriticalPayload:
      return "UNSUPPORTED_CRITICAL_PAYLOAD";
    case NotifyType::kInvalidIkeSpi:
      return "INVALID_IKE_SPI";
    case NotifyType::kInvalidMajorVersion:
      return "INVALID_MAJOR_VERSION";
    case NotifyType::kInvalidSyntax:
      return "INVALID_SYNTAX";
    case NotifyType::kInvalidMessageId:
      return "INVALID_MESSAGE_ID";
    case NotifyType::kInvalidSpi:
      return "INVALID_SPI";
    case NotifyType::kNoProposalChosen:
      return "NO_PROPOSAL_CHOSEN";
    case NotifyType::kInvalidKePayload:
      return "INVALID_KE_PAYLOAD";
    case NotifyType::kAuthenticationFailed:
      return "AUTHENTICATION_FAILED";
    case NotifyType::kSinglePairRequired:
      return "SINGLE_PAIR_REQUIRED";
    case NotifyType::kNoAdditionalSas:
      return "NO_ADDITIONAL_SAS";
    case NotifyType::kInternalAddressFailure:
      return "INTERNAL_ADDRESS_FAILURE";
    case NotifyType::kFailedCpRequired:
      return "FAILED_CP_REQUIRED";
    case NotifyType::kTsUnacceptable:
      return "TS_UNACCEPTABLE";
    case NotifyType::kInvalidSelectors:
      return "INVALID_SELECTORS";
    case NotifyType::kUnacceptableAddresses:
      return "UNACCEPTABLE_ADDRESSES";
    case NotifyType::kUnexpectedNatDetected:
      return "UNEXPECTED_NAT_DETECTED";
    case NotifyType::kUseAssignedHoA:
      return "USE_ASSIGNED_HoA";
    case NotifyType::kTemporaryFailure:
      return "TEMPORARY_FAILURE";
    case NotifyType::kChildSaNotFound:
      return "CHILD_SA_NOT_FOUND";
    case NotifyType::kInvalidGroupId:
      return "INVALID_GROUP_ID";
    case NotifyType::kAuthorizationFailed:
      return "AUTHORIZATION_FAILED";
    case NotifyType::kStateNotFound:
      return "STATE_NOT_FOUND";
    case NotifyType::kTsMaxQueue:
      return "TS_MAX_QUEUE";
    case NotifyType::kInitialContact:
      return "INITIAL_CONTACT";
    case NotifyType::kSetWindowSize:
      return "SET_WINDOW_SIZE";
    case NotifyType::kAdditionalTsPossible:
      return "ADDITIONAL_TS_POSSIBLE";
    case NotifyType::kIpcompSupported:
      return "IPCOMP_SUPPORTED";
    case NotifyType::kNatDetectionSourceIp:
      return "NAT_DETECTION_SOURCE_IP";
    case NotifyType::kNatDetectionDestinationIp:
      return "NAT_DETECTION_DESTINATION_IP";
    case NotifyType::kCookie:
      return "COOKIE";
    case NotifyType::kUseTransportMode:
      return "USE_TRANSPORT_MODE";
    case NotifyType::kHttpCertLookupSupported:
      return "HTTP_CERT_LOOKUP_SUPPORTED";
    case NotifyType::kRekeySa:
      return "REKEY_SA";
    case NotifyType::kEspTfcPaddingNotSupported:
      return "ESP_TFC_PADDING_NOT_SUPPORTED";
    case NotifyType::kNonFirstFragmentsAlso:
      return "NON_FIRST_FRAGMENTS_ALSO";
    case NotifyType::kMobikeSupported:
      return "MOBIKE_SUPPORTED";
    case NotifyType::kAdditionalIp4Address:
      return "ADDITIONAL_IP4_ADDRESS";
    case NotifyType::kAdditionalIp6Address:
      return "ADDITIONAL_IP6_ADDRESS";
    case NotifyType::kNoAdditionalAddresses:
      return "NO_ADDITIONAL_ADDRESSES";
    case NotifyType::kUpdateSaAddresses:
      return "UPDATE_SA_ADDRESSES";
    case NotifyType::kCookie2:
      return "COOKIE2";
    case NotifyType::kNoNatsAllowed:
      return "NO_NATS_ALLOWED";
    case NotifyType::kAuthLifetime:
      return "AUTH_LIFETIME";
    case NotifyType::kMultipleAuthSupported:
      return "MULTIPLE_AUTH_SUPPORTED";
    case NotifyType::kAnotherAuthFollows:
      return "ANOTHER_AUTH_FOLLOWS";
    case NotifyType::kRedirectSupported:
      return "REDIRECT_SUPPORTED";
    case NotifyType::kRedirect:
      return "REDIRECT";
    case NotifyType::kRedirectedFrom:
      return "REDIRECTED_FROM";
    case NotifyType::kTicketLtOpaque:
      return "TICKET_LT_OPAQUE";
    case NotifyType::kTicketRequest:
      return "TICKET_REQUEST";
    case NotifyType::kTicketAck:
      return "TICKET_ACK";
    case NotifyType::kTicketNack:
      return "TICKET_NACK";
    case NotifyType::kTicketOpaque:
      return "TICKET_OPAQUE";
    case NotifyType::kUseWespMode:
      return "USE_WESP_MODE";
    case NotifyType::kRohcSupported:
      return "ROHC_SUPPORTED";
    case NotifyType::kEapOnlyAuthentication:
      return "EAP_ONLY_AUTHENTICATION";
    case NotifyType::kChildlessIkev2Supported:
      return "CHILDLESS_IKEV2_SUPPORTED";
    case NotifyType::kQuickCrashDetection:
      return "QUICK_CRASH_DETECTION";
    case NotifyType::kIkev2MessageIdSyncSupported:
      return "IKEV2_MESSAGE_ID_SYNC_SUPPORTED";
    case NotifyType::kIpsecReplayCounterSyncSupported:
      return "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED";
    case NotifyType::kIkev2MessageIdSync:
      return "IKEV2_MESSAGE_ID_SYNC";
    case NotifyType::kIpsecReplayCounterSync:
      return "IPSEC_REPLAY_COUNTER_SYNC";
    case NotifyType::kIkev2FragmentationSupported:
      return "IKEV2_FRAGMENTATION_SUPPORTED";
    case NotifyType::kSignatureHashAlgorithms:
      return "SIGNATURE_HASH_ALGORITHMS";
    case NotifyType::kCloneIkeSaSupported:
      return "CLONE_IKE_SA_SUPPORTED";
    case NotifyType::kCloneIkeSa:
      return "CLONE_IKE_SA";
    case NotifyType::kPuzzle:
      return "PUZZLE";
    case NotifyType::kUsePpk:
      return "USE_PPK";
    case NotifyType::kPpkIdentity:
      return "PPK_IDENTITY";
    case NotifyType::kNoPpkAuth:
      return "NO_PPK_AUTH";
    case NotifyType::kIntermediateExchangeSupported:
      return "INTERMEDIATE_EXCHANGE_SUPPORTED";
    case NotifyType::kIp4Allowed:
      return "IP4_ALLOWED";
    case NotifyType::kIp6Allowed:
      return "IP6_ALLOWED";
    case NotifyType::kAdditionalKeyExchange:
      return "ADDITIONAL_KEY_EXCHANGE";
    case NotifyType::kUseAggfrag:
      return "USE_AGGFRAG";
    case NotifyType::kSupportedAuthMethods:
      return "SUPPORTED_AUTH_METHODS";
    case NotifyType::kSaResourceInfo:
      return "SA_RESOURCE_INFO";
    case NotifyType::kUsePpkInt:
      return "USE_PPK_INT";
    case NotifyType::kPpkIdentityKey:
      return "PPK_IDENTITY_KEY";
  }
  return kUnknown;
}

std::string_view name_of(TransformType type) {
  switch (type) {
    case TransformType::kEncryption:
      return "ENCR";
    case TransformType::kPrf:
      return "PRF";
    case TransformType::kIntegrity:
      return "INTEG";
    case TransformType::kKeyExchange:
      return "KE";
    case TransformType::kSequenceNumbers:
      return "ESN";
    case TransformType::kAdditionalKe1:
      return "ADDKE1";
    case TransformType::kAdditionalKe2:
      return "ADDKE2";
    case TransformType::kAdditionalKe3:
      return "ADDKE3";
    case TransformType::kAdditionalKe4:
      return "ADDKE4";
    case TransformType::kAdditionalKe5:
      return "ADDKE5";
    case TransformType::kAdditionalKe6:
      return "ADDKE6";
    case TransformType::kAdditionalKe7:
      return "ADDKE7";
  }
  return kUnknown;
}

std::string_view name_of(IdType type) {
  switch (type) {
    case IdType::kIpv4Addr:
      return "ID_IPV4_ADDR";
    case IdType::kFqdn:
      return "ID_FQDN";
    case IdType::kRfc822Addr:
      return "ID_RFC822_ADDR";
    case IdType::kIpv6Addr:
      return "ID_IPV6_ADDR";
    case IdType::kDerAsn1Dn:
      return "ID_DER_ASN1_DN";
    case IdType::kDerAsn1Gn:
      return "ID_DER_ASN1_GN";
    case IdType::kKeyId:
      return "ID_KEY_ID";
    case IdType::kFcName:
      return "ID_FC_NAME";
    case IdType::kNull:
      return "ID_NULL";
  }
  return kUnknown;
}

std::string_view name_of(AuthMethod method) {
  switch (method) {
    case AuthMethod::kRsaDigitalSignature:
      return "RSA Digital Signature";
    case AuthMethod::kSharedKeyMic:
      return "Shared Key Message Integrity Code";
    case AuthMethod::kDssDigitalSignature:
      return "DSS Digital Signature";
    case AuthMethod::kEcdsaSha256P256:
      return "ECDSA with SHA-256 on the P-256 curve";
    case AuthMethod::kEcdsaSha384P384:
      return "ECDSA with SHA-384 on the P-384 curve";
    case AuthMethod::kEcdsaSha512P521:
      return "ECDSA with SHA-512 on the P-521 curve";
    case AuthMethod::kNull:
      return "NULL Authentication";
    case AuthMethod::kDigitalSignature:
      return "Digital Signature";
  }
  return kUnknown;
}

std::string_view name_of(HashAlgorithm hash) {
  switch (hash) {
    case HashAlgorithm::kSha1:
      return "SHA1";
    case HashAlgorithm::kSha256:
      return "SHA2-256";
    case HashAlgorithm::kSha384:
      return "SHA2-384";
    case HashAlgorithm::kSha512:
      return "SHA2-512";
    case HashAlgorithm::kIdentity:
      return "Identity";
  }
  return kUnknown;
}

std::string_view name_of(CertEncoding encoding) {
  switch (encoding) {
    case CertEncoding::kPkcs7X509:
      return "PKCS #7 wrapped X.509 certificate";
    case CertEncoding::kPgp:
      return "PGP Certificate";
    case CertEncoding::kDnsSignedKey:
      return "DNS Signed Key";
    case CertEncoding::kX509Signature:
      return "X.509 Certificate - Signature";
    case CertEncoding::kKerberosToken:
      return "Kerberos Token";
    case CertEncoding::kCrl:
      return "Certificate Revocation List (CRL)";
    case CertEncoding::kArl:
      return "Authority Revocation List (ARL)";
    case CertEncoding::kSpki:
      return "SPKI Certificate";
    case CertEncoding::kX509Attribute:
      return "X.509 Certificate - Attribute";
    case CertEncoding::kRawRsaKey:
      return "Raw RSA Key";
    case CertEncoding::kHashAndUrl:
      return "Hash and URL of X.509 certificate";
    case CertEncoding::kHashAndUrlBundle:
      return "Hash and URL of X.509 bundle";
    case CertEncoding::kOcspContent:
      return "OCSP Content";
    case CertEncoding::kRawPublicKey:
      return "Raw Public Key";
  }
  return kUnknown;
}

std::string_view name_of(ProtocolId protocol) {
  switch (protocol) {
    case ProtocolId::kNone:
      return "none";
    case ProtocolId::kIke:
      return "IKE";
    case ProtocolId::kAh:
      return "AH";
    case ProtocolId::kEsp:
      return "ESP";
  }
  return kUnknown;
}

std::string_view name_of(TsType type) {
  switch (type) {
    case TsType::kIpv4AddrRange:
      return "TS_IPV4_ADDR_RANGE";
    case TsType::kIpv6AddrRange:
      return "TS_IPV6_ADDR_RANGE";
    case TsType::kFcAddrRange:
      return "TS_FC_ADDR_RANGE";
    case TsType::kSecLabel:
      return "TS_SECLABEL";
  }
  return kUnknown;
}

std::string_view name_of(CfgType type) {
  switch (type) {
    case CfgType::kRequest:
      return "CFG_REQUEST";
    case CfgType::kReply:
      return "CFG_REPLY";
    case CfgType::kSet:
      return "CFG_SET";
    case CfgType::kAck:
      return "CFG_ACK";
  }
  return kUnknown;
}

std::string describe(ExchangeType type) {
  return describe_as(name_of(type), "exchange", static_cast<unsigned>(type));
}

std::string describe(PayloadType type) {
  return describe_as(name_of(type), "payload", static_cast<unsigned>(type));
}

std::string describe(NotifyType type) {
  return describe_as(name_of(type), "notify", static_cast<unsigned>(type));
}

}  // namespace espalier::ike::wire
