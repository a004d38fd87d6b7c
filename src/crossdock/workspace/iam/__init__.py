"""Identity and access: users, groups, permissions and invitations of a workspace, and workspaces
themselves. What a role may do stands in `access/`; here is who holds which."""
