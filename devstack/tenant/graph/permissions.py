"""Application permissions that several operations accept. One is enough.

Source: Microsoft's permission tables as carried in `x-app-permissions` of the OpenAPI subset. Left out are permissions for
agents, device management, cross-cloud users and the `ReadBasic` ones, which this simulation refuses where Graph would accept.
"""

USER_READ = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
USER_WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All")
USER_DELETE = ("User.DeleteRestore.All", "User.ReadWrite.All")
GROUP_READ = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
MEMBER_READ = (
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
)
MEMBER_WRITE = ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
OWNER_READ = ("GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All")
GROUP_WRITE = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
