"""What later contracts added, and what is ours, in the notation of `test_contract.py`."""

from typing import Any, Final

LATER: Final[dict[str, dict[str, Any]]] = {
    "blue.catbird.mls.acceptChatRequest": {
        "deliveredMessage": "id*:str ciphertext*:bytes paddedSize*:int(..) sequence*:int(..) ephPubKey:bytes",
        "errors": "RequestNotFound RequestExpired AlreadyProcessed",
        "in": "requestId*:str welcomeData:bytes<=1048576",
        "out": "convoId*:str heldMessages*:[#deliveredMessage] acceptedAt*:datetime",
    },
    "blue.catbird.mls.blockChatSender": {
        "errors": "",
        "in": "senderDid*:str requestId:str reason:enum(spam|harassment|inappropriate|other)",
        "out": "success*:bool blockedCount*:int(..)",
    },
    "blue.catbird.mls.claimPendingDeviceAddition": {
        "errors": "NotMember PendingAdditionNotFound KeyPackageNotFound",
        "in": "pendingAdditionId*:str deviceId+:str<=64",
        "out": "claimed*:bool convoId:str deviceCredentialDid:str"
        " keyPackage:blue.catbird.mls.defs#keyPackageRef claimedBy:did",
    },
    "blue.catbird.mls.completePendingDeviceAddition": {
        "errors": "NotClaimed NotMember PendingAdditionNotFound",
        "in": "pendingAdditionId*:str newEpoch*:int(0..) deviceId+:str<=64",
        "out": "success*:bool error:str",
    },
    "blue.catbird.mls.createInvite": {
        "inviteView": "inviteId*:str convoId*:str createdBy*:did createdAt*:datetime pskHash*:str"
        " targetDid:did expiresAt:datetime maxUses:int(1..) useCount*:int(0..)"
        " isRevoked*:bool revokedAt:datetime revokedBy:did",
        "errors": "Unauthorized InvalidPSKHash ConvoNotFound NotMember TooManyInvites",
        "in": "convoId*:str pskHash*:str targetDid:did expiresAt:datetime maxUses:int(1..)"
        " idempotencyKey+:str<=64",
        "out": "inviteId*:str invite*:#inviteView",
    },
    "blue.catbird.mls.declineChatRequest": {
        "errors": "RequestNotFound AlreadyProcessed",
        "in": "requestId*:str reportReason:enum(spam|harassment|inappropriate|other) reportDetails:str<=500",
        "out": "success*:bool",
    },
    "blue.catbird.mls.deleteDevice": {
        "errors": "DeviceNotFound Unauthorized",
        "in": "deviceId*:str",
        "out": "deleted*:bool keyPackagesDeleted*:int(..)",
    },
    "blue.catbird.mls.demoteModerator": {
        "errors": "NotAdmin NotMember NotModerator ConvoNotFound",
        "in": "convoId*:str targetDid*:did",
        "out": "ok*:bool",
    },
    "blue.catbird.mls.getChatRequestSettings": {
        "errors": "",
        "out": "allowFollowersBypass*:bool=true allowFollowingBypass*:bool=false"
        " autoExpireDays*:int(1..30)=7",
    },
    "blue.catbird.mls.getExpectedConversations": {
        "expectedConversation": "convoId*:str name*:str memberCount*:int(..) shouldBeInGroup*:bool"
        " lastActivity:datetime needsRejoin:bool deviceInGroup:bool",
        "errors": "Unauthorized",
        "params": "deviceId:str",
        "out": "conversations*:[#expectedConversation]",
    },
    "blue.catbird.mls.getGroupInfo": {
        "errors": "NotFound Unauthorized GroupInfoUnavailable ConvoNotFound NotMember",
        "params": "convoId*:str",
        "out": "groupInfo*:str epoch*:int(..) expiresAt:datetime groupId+:str<=128 generation+:int(0..)"
        " digest+:bytes",
    },
    "blue.catbird.mls.getKeyPackageHistory": {
        "keyPackageHistoryEntry": "packageId*:str createdAt*:datetime consumedAt:datetime"
        " consumedForConvo:str consumedForConvoName:str consumedByDevice:str"
        " deviceId:str cipherSuite*:str",
        "errors": "InvalidCursor",
        "params": "limit:int(1..100)=20 cursor:str deviceId+:str<=64",
        "out": "history*:[#keyPackageHistoryEntry] cursor:str",
    },
    "blue.catbird.mls.getKeyPackageStatus": {
        "consumedPackageView": "keyPackageHash*:str usedInGroup:str consumedAt*:datetime cipherSuite:suite",
        "errors": "InvalidCursor",
        "params": "limit:int(1..100)=20 cursor:str deviceId+:str<=64",
        "out": "totalUploaded*:int(0..) available*:int(0..) consumed*:int(0..) reserved:int(0..)"
        " consumedPackages:[#consumedPackageView] cursor:str",
    },
    "blue.catbird.mls.getOptInStatus": {
        "optInStatus": "did*:did optedIn*:bool optedInAt:datetime",
        "errors": "",
        "params": "dids*:[did](..100)",
        "out": "statuses*:[#optInStatus]",
    },
    "blue.catbird.mls.getPendingDeviceAdditions": {
        "pendingDeviceAddition": "id*:str convoId*:str userDid*:did deviceId*:str deviceName:str"
        " deviceCredentialDid*:str status*:str(pending|in_progress) claimedBy:did"
        " createdAt*:datetime",
        "errors": "Unauthorized",
        "params": "convoIds:[str] limit:int(1..100)=50",
        "out": "pendingAdditions*:[#pendingDeviceAddition]",
    },
    "blue.catbird.mls.getPolicy": {
        "errors": "ConvoNotFound NotMember",
        "params": "convoId*:str",
        "out": "policy*:blue.catbird.mls.updatePolicy#policyView",
    },
    "blue.catbird.mls.getRequestCount": {
        "errors": "Unauthorized",
        "out": "pendingCount*:int(0..) lastRequestAt:datetime",
    },
    "blue.catbird.mls.getSubscriptionTicket": {
        "errors": "NotMember",
        "in": "convoId:str deviceId+:str<=64",
        "out": "ticket*:str endpoint*:uri expiresAt*:datetime",
    },
    "blue.catbird.mls.groupInfoRefresh": {
        "errors": "Unauthorized ConversationNotFound ConvoNotFound NotMember GroupFrozen",
        "in": "convoId*:str",
        "out": "requested*:bool activeMembers:int(..)",
    },
    "blue.catbird.mls.invalidateWelcome": {
        "errors": "NotFound Unauthorized ConvoNotFound NotMember WelcomeNotFound",
        "in": "convoId*:str reason*:str deviceId+:str<=64 keyPackageHash+:str<=128",
        "out": "invalidated*:bool welcomeId:str",
    },
    "blue.catbird.mls.listChatRequests": {
        "chatRequest": "id*:str senderDid*:str status*:enum(pending|accepted|declined|blocked|expired)"
        " createdAt*:datetime expiresAt*:datetime previewText:str messageCount:int(..)"
        " isGroupInvite:bool groupId:str",
        "errors": "InvalidCursor",
        "params": "cursor:str limit:int(1..100)=50 status:enum(pending|accepted|declined|blocked|expired)",
        "out": "requests*:[#chatRequest] cursor:str",
    },
    "blue.catbird.mls.listDevices": {
        "deviceInfo": "deviceId*:str deviceName*:str deviceUUID:str credentialDid*:str lastSeenAt*:datetime"
        " registeredAt*:datetime keyPackageCount*:int(0..)",
        "errors": "",
        "out": "devices*:[#deviceInfo]",
    },
    "blue.catbird.mls.listInvites": {
        "errors": "Unauthorized ConvoNotFound NotMember",
        "params": "convoId*:str includeRevoked:bool=false",
        "out": "invites*:[blue.catbird.mls.createInvite#inviteView]",
    },
    "blue.catbird.mls.optIn": {
        "errors": "",
        "in": "deviceId:str",
        "out": "optedIn*:bool optedInAt*:datetime",
    },
    "blue.catbird.mls.optOut": {
        "errors": "",
        "in": "deviceId+:str<=64",
        "out": "success*:bool",
    },
    "blue.catbird.mls.processExternalCommit": {
        "errors": "Unauthorized InvalidCommit InvalidGroupInfo ConvoNotFound NotMember EpochMismatch"
        " MissingProposal CommitMissingReferences GroupInfoMismatch GroupReset"
        " GroupInfoUnavailable GroupFrozen",
        "in": "convoId*:str externalCommit*:str idempotencyKey:str groupInfo:str deviceId+:str<=64",
        "out": "epoch*:int(..) rejoinedAt*:datetime",
    },
    "blue.catbird.mls.promoteModerator": {
        "errors": "NotAdmin NotMember AlreadyModerator IsAdmin ConvoNotFound",
        "in": "convoId*:str targetDid*:did",
        "out": "ok*:bool promotedAt*:datetime",
    },
    "blue.catbird.mls.publishKeyPackages": {
        "keyPackageItem": "keyPackage*:str<=65536 cipherSuite*:suite expires*:datetime idempotencyKey:str",
        "batchError": "index*:int(0..) error*:str",
        "errors": "BatchTooLarge InvalidBatch",
        "in": "keyPackages*:[#keyPackageItem] deviceId+:str<=64",
        "out": "succeeded*:int(0..) failed*:int(0..) errors:[#batchError] hashes+:[str] available+:int(0..)",
    },
    "blue.catbird.mls.readdition": {
        "errors": "NotFound Unauthorized NoActiveMembers ConvoNotFound NotMember GroupFrozen",
        "in": "convoId*:str deviceId+:str<=64",
        "out": "requested*:bool activeMembers:int(..)",
    },
    "blue.catbird.mls.rejoin": {
        "errors": "ConvoNotFound AlreadyMember InvalidKeyPackage RateLimitExceeded NotMember"
        " InvalidCipherSuite KeyPackageReused TooManyKeyPackages GroupFrozen",
        "in": "convoId*:str keyPackage*:str reason:str deviceId+:str<=64",
        "out": "requestId*:str pending*:bool approvedAt:datetime",
    },
    "blue.catbird.mls.revokeInvite": {
        "errors": "Unauthorized InviteNotFound AlreadyRevoked",
        "in": "inviteId*:str",
        "out": "success*:bool",
    },
    "blue.catbird.mls.sendChatRequest": {
        "heldMessage": "ciphertext*:bytes<=10485760 paddedSize*:int(512..10485760) ephPubKey:bytes<=256",
        "errors": "BlockedByRecipient RateLimited RecipientNotFound DuplicateRequest SelfRequest"
        " MessageTooLarge InvalidAsset",
        "in": "recipientDid*:str previewText:str<=200 heldMessages:[#heldMessage] isGroupInvite:bool=false"
        " groupId:str",
        "out": "requestId*:str status*:enum(pending|bypassed) createdAt*:datetime expiresAt*:datetime"
        " convoId:str",
    },
    "blue.catbird.mls.subscribeConvoEvents": {
        "eventWrapper": "event*:union(#messageEvent|#reactionEvent|#typingEvent|#infoEvent"
        "|#newDeviceEvent|#groupInfoRefreshRequestedEvent|#readditionRequestedEvent"
        "|#membershipChangeEvent|#readEvent|#convoEvent|#groupResetEvent"
        "|#treeChangedEvent|#welcomeReissueRequestedEvent|#noticeEvent)",
        "messageEvent": "cursor*:str message*:blue.catbird.mls.defs#messageView",
        "reactionEvent": "cursor*:str convoId*:str messageId*:str did*:did reaction*:str"
        " action*:str(add|remove)",
        "typingEvent": "cursor*:str convoId*:str did*:did isTyping*:bool",
        "infoEvent": "cursor*:str info*:str",
        "newDeviceEvent": "cursor*:str convoId*:str userDid*:did deviceId*:str deviceName:str"
        " deviceCredentialDid*:str pendingAdditionId*:str seq+:int(0..)",
        "groupInfoRefreshRequestedEvent": "cursor*:str convoId*:str requestedBy*:did requestedAt*:datetime"
        " seq+:int(0..)",
        "readditionRequestedEvent": "cursor*:str convoId*:str userDid*:did requestedAt*:datetime"
        " deviceId+:str leasedTo+:str attempt+:int(0..) seq+:int(0..)",
        "membershipChangeEvent": "cursor*:str convoId*:str did*:did"
        " action*:str(joined|left|removed|kicked|deviceRemoved) actor:did"
        " reason:str<=500 epoch*:int(0..) seq+:int(0..) dids+:[did]"
        " deviceIds+:[str]",
        "readEvent": "cursor*:str convoId*:str did*:did messageId:str readAt*:datetime",
        "convoEvent": "cursor*:str convoId*:str seq*:int(0..) action*:str(created|updated)"
        " what:str(role|policy) did:did role:str(admin|moderator|member) actor:did",
        "groupResetEvent": "cursor*:str convoId*:str newGroupId*:str<=128 resetGeneration*:int(0..)"
        " resetBy:did cipherSuite:str reason:str<=500 seq+:int(0..)",
        "treeChangedEvent": "cursor*:str convoId*:str epoch*:int(0..) confirmationTag:bytes digest+:bytes"
        " seq+:int(0..)",
        "welcomeReissueRequestedEvent": "cursor*:str convoId*:str recipientDeviceDid*:str"
        " requestedAt*:datetime requestId*:str seq+:int(0..)",
        "noticeEvent": "cursor*:str convoId*:str"
        " name*:str(warned|blockConflict|blockResolved|keyPackagesLow) did:did"
        " deviceId:str actor:did text:str<=1000 expiresAt:datetime seq+:int(0..)",
        "info": "name*:str(OutdatedCursor) message:str",
        "errors": "",
        "params": "cursor:str convoId:str deviceId+:str<=64 ticket+:str<=2048",
        "message": "#messageEvent|#reactionEvent|#typingEvent|#infoEvent|#newDeviceEvent"
        "|#groupInfoRefreshRequestedEvent|#readditionRequestedEvent|#membershipChangeEvent"
        "|#readEvent|#convoEvent|#groupResetEvent|#treeChangedEvent"
        "|#welcomeReissueRequestedEvent|#noticeEvent|#info",
    },
    "blue.catbird.mls.syncKeyPackages": {
        "errors": "",
        "in": "localHashes*:[str](..200) deviceId*:str",
        "out": "serverHashes*:[str] orphanedCount*:int(0..) deletedCount*:int(0..) orphanedHashes:[str]"
        " remainingAvailable:int(0..) deviceId*:str",
    },
    "blue.catbird.mls.updateChatRequestSettings": {
        "errors": "",
        "in": "allowFollowersBypass:bool allowFollowingBypass:bool autoExpireDays:int(1..30)",
        "out": "allowFollowersBypass*:bool allowFollowingBypass*:bool autoExpireDays*:int(..)",
    },
    "blue.catbird.mls.updateGroupInfo": {
        "errors": "Unauthorized InvalidGroupInfo ConvoNotFound NotMember EpochMismatch GroupInfoMismatch"
        " GroupReset",
        "in": "convoId*:str groupInfo*:str epoch*:int(..) deviceId+:str<=64",
        "out": "updated*:bool",
    },
    "blue.catbird.mls.updatePolicy": {
        "policyView": "convoId*:str allowInvites*:bool adminOnlyInvites*:bool allowMemberAdd*:bool"
        " allowMemberRemove*:bool requireAdminApproval*:bool maxMembers*:int(2..1000)"
        " updatedAt*:datetime updatedBy:did",
        "errors": "Unauthorized ConvoNotFound NotMember NoFieldsProvided InvalidMaxMembers",
        "in": "convoId*:str allowInvites:bool adminOnlyInvites:bool allowMemberAdd:bool"
        " allowMemberRemove:bool requireAdminApproval:bool maxMembers:int(2..1000)",
        "out": "policy*:#policyView",
    },
    "blue.catbird.mls.validateDeviceState": {
        "keyPackageInventory": "available*:int(..) target*:int(..) needsReplenishment*:bool"
        " perDeviceCount:int(..)",
        "errors": "",
        "params": "deviceId:str",
        "out": "isValid*:bool issues*:[str] recommendations*:[str] expectedConvos:int(..)"
        " actualConvos:int(..) keyPackageInventory:#keyPackageInventory pendingRejoinRequests:[str]",
    },
    "blue.catbird.mls.validateWelcome": {
        "errors": "InvalidWelcome KeyPackageNotFound KeyPackageAlreadyConsumed KeyPackageReserved"
        " RecipientMismatch",
        "in": "welcomeMessage*:bytes<=10485760 deviceId+:str<=64",
        "out": "valid*:bool keyPackageHash*:str recipientDid:did groupId:str reserved:bool"
        " reservedUntil:datetime",
    },
    "blue.catbird.mls.warnMember": {
        "errors": "ConvoNotFound NotAdmin TargetNotMember CannotWarnAdmin NotMember",
        "in": "convoId*:str memberDid*:did reason*:str<=500 expiresAt:datetime idempotencyKey+:str<=64",
        "out": "warningId*:str deliveredAt*:datetime",
    },
    "blue.catbird.mlsChat.invalidateKeyPackage": {
        "errors": "KeyPackageNotFound Unauthorized",
        "in": "deviceDid*:str<=2120 keyPackageHash*:str"
        " reason*:str(noMatchingKeyPackage|corruptInvitee|unowned)",
        "out": "marked*:bool alreadyDead*:bool",
    },
    "blue.catbird.mlsChat.reconcileKeyPackages": {
        "errors": "DeviceNotFound Unauthorized",
        "in": "deviceId*:str localHashes*:[str](..500) schemaVersion*:const(2)",
        "out": "serverOnly*:[str] localOnly*:[str] total*:int(..) deviceVerified*:bool",
    },
    "blue.catbird.mlsChat.reissueWelcome": {
        "errors": "ConvoNotFound NoAdminToReissue RateLimited NotMember WelcomeNotFound",
        "in": "convoId*:str recipientDeviceDid*:str reason*:str",
        "out": "welcomeRequested*:bool requestId*:str requestedAt*:datetime inviterDevice:str",
    },
    "blue.catbird.mlsChat.reissueWelcomeRespond": {
        "errors": "RequestNotFound Unauthorized InvalidWelcome KeyPackageNotFound WelcomeMismatch",
        "in": "requestId*:str welcomeBlob*:bytes keyPackageHash:str deviceId+:str<=64",
        "out": "stored*:bool requestId*:str welcomeBlobId*:str respondedAt*:datetime",
    },
    "blue.catbird.mlsChat.resetGroup": {
        "errors": "ConvoNotFound NotAdmin GroupIdAlreadyExists NotMember InvalidCipherSuite"
        " InvalidGroupInfo GroupInfoMismatch GroupReset GroupFrozen",
        "in": "convoId*:str newGroupId*:str cipherSuite*:str groupInfo:bytes reason:str deviceId+:str<=64"
        " idempotencyKey+:str<=64 generation+:int(0..)",
        "out": "success*:bool newGroupId*:str resetGeneration*:int(0..) newEpoch*:int(0..)",
    },
    "chat.rookery.mls.getConvoSettings": {
        "errors": "ConvoNotFound NotMember",
        "params": "convoId*:str",
        "out": "convoId*:str muted*:bool",
    },
    "chat.rookery.mls.getDigest": {
        "errors": "ConvoNotFound NotMember InvalidEpochRange",
        "params": "convoId*:str epoch:int(0..)",
        "out": "convoId*:str groupId*:str<=128 generation*:int(0..) epoch*:int(0..) digest*:bytes",
    },
    "chat.rookery.mls.sendProposal": {
        "errors": "ConvoNotFound NotMember EpochMismatch InvalidProposal GroupInfoUnavailable GroupReset",
        "in": "convoId*:str proposal*:bytes(1..1048576) deviceId:str<=64",
        "out": "messageId*:str seq*:int(0..) epoch*:int(0..) ref:bytes receivedAt*:datetime",
    },
    "chat.rookery.mls.submitCommit": {
        "leafAdd": "did*:did keyPackageHash*:str(1..128) deviceId:str<=64 leafIndex:int(0..4294967295)",
        "leafRemove": "did*:did deviceId*:str(1..64)",
        "errors": "ConvoNotFound NotMember NotAdmin AlreadyMember"
        " TooManyMembers BlockedByMember KeyPackageNotFound EpochMismatch InvalidCommit"
        " MissingProposal CommitMissingReferences InvalidGroupInfo GroupInfoMismatch GroupInfoUnavailable"
        " GroupReset"
        " InvalidWelcome WelcomeMismatch",
        "in": "convoId*:str commit*:bytes(1..10485760) groupInfo:bytes(1..10485760)"
        " welcome:bytes(1..10485760) adds:[#leafAdd](..100) removes:[#leafRemove](..100)"
        " reason:str<=500 deviceId:str<=64",
        "out": "newEpoch*:int(0..) seq*:int(0..) messageId*:str generation*:int(0..) digest*:bytes"
        " receivedAt*:datetime",
    },
    "chat.rookery.mls.updateConvoSettings": {
        "errors": "ConvoNotFound NotMember",
        "in": "convoId*:str muted*:bool",
        "out": "convoId*:str muted*:bool",
    },
}
