"""The part of OData that Microsoft Entra's directory answers: $filter, $search, $select, $expand, $orderby and paging."""
