import { Empty, Page } from '../ui/parts.jsx';

export const MissingPage = () => (
  <Page title="Nothing here">
    <Empty title="No page has this address">
      <p>It may have been mistyped, or what it showed is gone.</p>
      <p><a class="button primary" href="#/functions">All functions</a></p>
    </Empty>
  </Page>
);
